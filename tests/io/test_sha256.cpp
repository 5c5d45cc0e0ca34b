#include "golden/io.hpp"
#include "sgq/io/sha256.hpp"
#include "support/catch.hpp"

namespace test_sha256 {

using namespace sgq::io;

TEST_CASE("SHA-256 gives the digests that NIST publishes", "[io]") {
  // FIPS 180-4 examples and the long message of the older FIPS 180-2.
  CHECK(sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(
      sha256("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmno"
             "pqrlmnopqrsmnopqrstnopqrstu") ==
      "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
  CHECK(sha256(std::string(1'000'000, 'a')) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("SHA-256 is right at every length around a block", "[io]") {
  std::string message, digests;
  for (int i = 0; i < 300; ++i) {
    digests += sha256(message);
    message.push_back(static_cast<char>(i * 7 % 256));
  }
  CHECK(sha256(digests) == golden::sha256_chain);
}

TEST_CASE("A hash does not depend on how the bytes arrive", "[io]") {
  const std::string bytes(200, 'x');
  for (std::size_t cut : {0u, 1u, 63u, 64u, 65u, 128u, 200u}) {
    Sha256 hash;
    hash.update(std::string_view(bytes).substr(0, cut));
    hash.hex(); // looking at it changes nothing
    hash.update(std::string_view(bytes).substr(cut));
    CHECK(hash.hex() == sha256(bytes));
  }
}

} // namespace test_sha256
