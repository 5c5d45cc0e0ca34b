#include "sgq/io/file.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/temp_dir.hpp"

#include <csignal>
#include <filesystem>
#include <thread>
#include <vector>

#include <sys/resource.h>
#include <sys/wait.h>

namespace test_file {

using namespace sgq;
using namespace sgq::io;

namespace {

/// Runs f in a child process and returns its exit status as waitpid() tells it. The child never
/// comes back into the test program.
template <class F>
int in_child(F&& f) {
  const pid_t child = fork();
  if (child == 0) {
    int code = 1;
    try {
      code = f();
    } catch (...) {
    }
    _exit(code);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

/// In the calling process, no file may grow beyond this: to a writer it looks like a full disk.
void limit_file_size(std::size_t bytes) {
  signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{bytes, bytes};
  setrlimit(RLIMIT_FSIZE, &limit);
}

std::size_t files_in(const TempDir& dir) {
  std::size_t n = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir.path())) n += entry.exists();
  return n;
}

} // namespace

TEST_CASE("What was written is read back", "[io]") {
  const TempDir dir;
  for (std::size_t size : {0u, 1u, 4095u, 4096u, 100'000u}) {
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * i);
    write_file_atomically(dir / "file", bytes);
    CHECK(read_file(dir / "file") == bytes);
    CHECK(read_file(dir / "file", size) == bytes);
  }
  CHECK(files_in(dir) == 1);                       // no temporary file stays
  CHECK(read_file("/proc/self/stat").size() > 10); // a file that says it is empty
}

TEST_CASE("A file that cannot be read is an error that names it", "[io]") {
  const TempDir dir;
  const std::string missing = dir / "missing";
  CHECK(message_of<io_error>([&] { read_file(missing); }) ==
        "read '" + missing + "': expected a readable file, got No such file or directory");
  CHECK(contains(message_of<io_error>([&] { read_file(dir.path()); }), "got a directory"));
  CHECK(contains(message_of<io_error>([&] { read_file("/dev/zero"); }), "a regular file"));

  const std::string pipe = dir / "pipe"; // nobody writes into it: must not wait
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(contains(message_of<io_error>([&] { read_file(pipe); }), "a regular file"));

  const std::string sparse = dir / "sparse"; // a terabyte on paper
  write_file_atomically(sparse, "x");
  REQUIRE(truncate(sparse.c_str(), off_t{1} << 40) == 0);
  CHECK(contains(message_of<io_error>([&] { read_file(sparse); }), "1099511627776"));
  CHECK(contains(message_of<io_error>([&] { read_file("/proc/self/stat", 5); }), "at most 5"));
}

TEST_CASE("A file that cannot be written is an error, and nothing is left of it", "[io]") {
  const TempDir dir;
  const std::string lost = dir / "no/such/file";
  CHECK(message_of<io_error>([&] { write_file_atomically(lost, "x"); }) ==
        "write '" + lost + "': expected a writable '" + lost +
            ".tmp', got No such file or directory");

  std::filesystem::create_directory(dir / "folder");
  write_file_atomically(dir / "folder/file", "x");
  CHECK(contains(message_of<io_error>([&] { write_file_atomically(dir / "folder", "x"); }),
                 "directory"));
  CHECK(files_in(dir) == 1);

  std::filesystem::create_symlink(dir / "elsewhere", dir / "file.tmp");
  CHECK_THROWS_AS(write_file_atomically(dir / "file", "x"), io_error);
  CHECK(!std::filesystem::exists(dir / "elsewhere"));
}

TEST_CASE("On a full disk the old file stays", "[io]") {
  const TempDir dir;
  const std::string path = dir / "file", old = "old contents\n";
  write_file_atomically(path, old);
  const int status = in_child([&] {
    limit_file_size(1000);
    const std::string big(5000, 'n');
    if (!contains(message_of<io_error>([&] { write_file_atomically(path, big); }),
                  "expected 5000 bytes stored, got File too large"))
      return 2;
    return 0;
  });
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(WIFEXITED(status));
  CHECK(read_file(path) == old);
  CHECK(files_in(dir) == 1);
}

TEST_CASE("A temporary file of a killed run is taken over", "[io]") {
  const TempDir dir;
  {
    sgq::io::detail::Descriptor left(dir / "file.tmp", O_WRONLY | O_CREAT);
    REQUIRE(sgq::io::detail::write_all(left.get(), std::string(1000, 'x')));
  }
  write_file_atomically(dir / "file", "short");
  CHECK(read_file(dir / "file") == "short");
  CHECK(files_in(dir) == 1);
}

TEST_CASE("A writer killed at any moment leaves the old or the new file", "[io]") {
  const TempDir dir;
  const std::string path = dir / "file";
  const std::string a(150'000, 'a'), b(90'000, 'b');
  write_file_atomically(path, a);
  int seen_a = 0, seen_b = 0;
  // Forty kills; on a slow disk more and later ones, until both contents have been met.
  for (unsigned round = 0; round < 40 || (round < 400 && !(seen_a && seen_b)); ++round) {
    const pid_t child = fork();
    if (child == 0)
      for (alarm(30);;) { // ends by itself if this test is ended
        write_file_atomically(path, b);
        write_file_atomically(path, a);
      }
    usleep(500 + round * 337 % 4000 * (1 + round / 40));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    const std::string got = read_file(path);
    CHECK((got == a || got == b));
    seen_a += got == a;
    seen_b += got == b;
  }
  CHECK(seen_a > 0); // the kills did come at different moments
  CHECK(seen_b > 0);
  write_file_atomically(path, "end");
  CHECK(files_in(dir) == 1);
}

TEST_CASE("Two writers of one file do not mix their bytes", "[io]") {
  const TempDir dir;
  const std::string path = dir / "file";
  std::vector<std::thread> writers;
  for (char c : {'a', 'b', 'c'})
    writers.emplace_back([&path, c] {
      for (std::size_t i = 0; i < 30; ++i)
        write_file_atomically(path, std::string(1000 * (i + 1), c));
    });
  for (std::thread& w : writers) w.join();
  const std::string got = read_file(path);
  CHECK(got.size() == 30'000);
  CHECK(got == std::string(got.size(), got[0]));
  CHECK(files_in(dir) == 1);
}

TEST_CASE("Lines are added whole", "[io]") {
  const TempDir dir;
  const std::string path = dir / "rows.jsonl";
  append_line(path, "one");
  append_line(path, "");
  append_line(path, "three");
  CHECK(read_file(path) == "one\n\nthree\n");

  write_file_atomically(path, "one\ntorn"); // the next row must not be glued to it
  append_line(path, "two");
  CHECK(read_file(path) == "one\ntorn\ntwo\n");
  CHECK(contains(message_of<io_error>([&] { append_line(dir.path(), "x"); }), "directory"));
  CHECK(contains(message_of<io_error>([&] { append_line("/dev/full", "x"); }),
                 "No space left on device"));
}

TEST_CASE("A line that does not fit leaves the file as it was", "[io]") {
  const TempDir dir;
  const std::string path = dir / "rows.jsonl";
  append_line(path, "finished row");
  const int status = in_child([&] {
    limit_file_size(100);
    const std::string row(500, 'r');
    return contains(message_of<io_error>([&] { append_line(path, row); }), "File too large") ? 0
                                                                                             : 2;
  });
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(read_file(path) == "finished row\n");
}

} // namespace test_file
