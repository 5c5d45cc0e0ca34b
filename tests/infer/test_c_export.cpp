// The exported C is compiled and run, and must give the engine's logits.
#include "sgq/infer/c_export.hpp"

#include "sgq/infer/engine.hpp"
#include "sgq/io/dtype.hpp"
#include "sgq/io/file.hpp"

#include "helpers.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/temp_dir.hpp"

#include <cstdlib>

namespace test_c_export {

using namespace infer_tests;
using namespace sgq::infer;

namespace {

// Reads images from stdin and writes their logits, if the self-test passes.
const char* const main_c = R"(
#include "net.h"
#include <stdio.h>
int main(void) {
  static uint8_t pixels[NET_PIXELS];
  int32_t logits[NET_CLASSES];
  if (!net_self_test()) return 3;
  while (fread(pixels, 1, sizeof pixels, stdin) == sizeof pixels) {
    net_run(pixels, logits);
    fwrite(logits, 1, sizeof logits, stdout);
  }
  return 0;
}
)";

/// False, and a warning, where there is no such compiler.
bool has(const std::string& compiler) {
  const bool found = std::system((compiler + " --version >/dev/null 2>&1").c_str()) == 0;
  if (!found) WARN("skipped: no " + compiler);
  return found;
}

/// Empty if C and engine agree on the images; else what went wrong.
std::string disagreement(const nn::Net<float>& net, index_t images = 4) {
  const TempDir dir;
  const Graph graph = export_integer(net);
  const CSource c = to_c(graph);
  io::write_file_atomically(dir / "net.h", c.header);
  io::write_file_atomically(dir / "net.c", c.source);
  io::write_file_atomically(dir / "main.c", main_c);
  const Tensor<std::uint8_t> pixels =
      codes_of(graph, test_images(net.input_shape(), graph.grid, images));
  io::write_file_atomically(dir / "pixels", io::bytes_of(pixels));
  const std::string in = "cd '" + dir.path() + "' && ";
  const std::string flags = "-std=c99 -Wall -Wextra -Werror -pedantic -O0 -fsanitize=undefined "
                            "-fno-sanitize-recover=all";
  if (std::system((in + "cc " + flags + " net.c main.c -o net 2>log").c_str()) != 0)
    return "does not compile: " + io::read_file(dir / "log");
  if (std::system((in + "./net <pixels >logits 2>log").c_str()) != 0)
    return "does not run: " + io::read_file(dir / "log");
  Tensor<std::int32_t> logits({images, graph.classes()});
  Engine(graph).run(pixels, logits);
  return io::read_file(dir / "logits") == io::bytes_of(logits) ? "" : "other logits";
}

} // namespace

TEST_CASE("C export: compiled C gives the engine's logits", "[infer]") {
  if (!has("cc")) return;
  for (const Case& c : {Case{.bits = "w2a2", .width = 3},
                        Case{.bits = "w8a8",
                        .weights = "dorefa-rescaled",
                        .first_last = quant::FirstLast::same,
                        .width = 1},
                        Case{.net = "resnet20", .bits = "w4a4", .width = 1},
                        Case{.net = "resnet20", .bits = "w8a8", .width = 1}}) {
    INFO(str(c));
    CHECK(disagreement(make_case(c), 3) == "");
  }
}

TEST_CASE("C export: C++ calls the compiled C", "[infer]") {
  if (!has("cc") || !has("c++")) return;
  const TempDir dir;
  const CSource c = to_c(export_integer(make_case({.bits = "w2a2"})), {.name = "one"});
  io::write_file_atomically(dir / "one.h", c.header);
  io::write_file_atomically(dir / "one.c", c.source);
  io::write_file_atomically(dir / "main.cpp", "#include \"one.h\"\n"
                                              "int main() { return one_self_test() ? 0 : 3; }\n");
  const std::string command = "cd '" + dir.path() +
                              "' && { cc -std=c99 -Wall -Werror -c one.c && "
                              "c++ -std=c++98 -Wall -Werror main.cpp one.o -o main && "
                              "./main; } >log 2>&1";
  const int status = std::system(command.c_str());
  INFO(io::read_file(dir / "log"));
  CHECK(status == 0);
}

TEST_CASE("C export: max pooling and shortcuts of sums that no byte holds", "[infer]") {
  if (!has("cc")) return;
  CHECK(disagreement(wide_sums_net()) == "");
}

TEST_CASE("C export: images that are not square, pooled globally", "[infer]") {
  if (!has("cc")) return;
  for (const char* bits : {"w2a2", "w8a8"}) {
    INFO(bits);
    CHECK(disagreement(oblong_net(bits)) == "");
  }
}

TEST_CASE("C export: what the file says of itself", "[infer]") {
  const Graph graph = export_integer(make_case({.bits = "w2a2"}));
  const CSource c = to_c(graph, {.name = "tiny_1"});
  CHECK(contains(c.header, "void tiny_1_run(const uint8_t *pixels, int32_t *logits);"));
  CHECK(contains(c.header, "#define TINY_1_PIXELS 784"));
  CHECK(contains(c.source, "#include \"tiny_1.h\""));
  CHECK(!contains(c.source, "sum_pool")); // only what is used
  CHECK(!contains(c.source, "float"));
  CHECK(!contains(c.source, "malloc"));
  CHECK(c.constant_bytes > weight_bytes(graph) + 784);
  CHECK(c.constant_bytes < weight_bytes(graph) + 784 + 6000);
  CHECK(c.ram_bytes >= 6 * 28 * 28 + 6 * 14 * 14); // the first layer and what it is pooled to
  CHECK(c.ram_bytes < 7000);
  for (const char* name : {"", "2net", "a-b", "a b"})
    CHECK_SAYS(to_c(graph, {.name = name}), value_error, "C export, name",
               "got '" + std::string(name) + "'");
  Graph named = graph; // as a hostile file may
  named.steps[0].name = named.steps[0].weights_name = "x */ int injected; /*";
  CHECK(contains(to_c(named).source, "/* x____int_injected____ "));
  CHECK_SAYS(to_c(graph, {.sample = View<const std::uint8_t>(nullptr, {783})}), shape_error,
             "C export: sample", "got [783]");
}

TEST_CASE("C export: samples of another order, names of system headers; guards differ in case",
          "[infer]") {
  const Graph graph = export_integer(oblong_net("w2a2"));
  const Shape& s = graph.image;
  const Tensor<std::uint8_t> good(s), last({1, s[2], s[3], s[1]});
  REQUIRE(last.shape() != s);
  CHECK_SAYS(to_c(graph, {.sample = last}), shape_error, "C export: sample", "got [1, 5, 9, 2]");
  CHECK_NOTHROW(to_c(graph, {.sample = good}));
  CHECK_NOTHROW(to_c(graph, {.sample = View<const std::uint8_t>(good.data(), {s.size()})}));
  CHECK_SAYS(to_c(graph, {.name = "stdint"}), value_error, "header of C", "got 'stdint'");
  CHECK(contains(to_c(graph, {.name = "Net"}).header, "#ifndef Net_H"));
}

} // namespace test_c_export
