#include "../../examples/experiment/results.hpp"
#include "../../examples/experiment/shard_lock.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/temp_dir.hpp"

#include <optional>

namespace test_results {

using namespace examples;
using sgq::index_t;

namespace {

io::Json row(const std::string& cell, double accuracy = 0.5, int numerics = 1) {
  return io::Json::object({{"cell", cell},
                           {"numerics", numerics},
                           {"command", "mnist --epochs 1"},
                           {"test_accuracy", accuracy},
                           {"files", io::Json::object()},
                           {"run", io::Json::object({{"seconds", 1.5}})}});
}

std::vector<std::string> keys(const Results& results) {
  std::vector<std::string> found;
  for (const io::Json& r : results.rows()) found.push_back(key_of(r));
  return found;
}

} // namespace

TEST_CASE("what belongs to a cell is named after its key", "[experiment]") {
  const std::string key = "mnist/lenet5/w4a4/plain/seed-1";
  CHECK(file_name_of(key) == "mnist.lenet5.w4a4.plain.seed-1");
  CHECK(cell_folder("out", key) == "out/cells/mnist.lenet5.w4a4.plain.seed-1");
  CHECK(predictions_path("out", key) == "out/predictions/mnist.lenet5.w4a4.plain.seed-1.npy");
}

TEST_CASE("rows survive, in order of cells", "[experiment]") {
  TempDir folder;
  {
    Results results(folder.path(), "", 1);
    results.add(row("b"));
    results.add(row("a"));
  }
  Results again(folder.path(), "", 1);
  again.load();
  CHECK(keys(again) == std::vector<std::string>{"a", "b"});
  again.write();
  CHECK(key_of(read_rows(again.path()).rows[0]) == "a");
  Results last(folder.path(), "", 1);
  last.load();
  CHECK(keys(last) == std::vector<std::string>{"a", "b"});
  CHECK(last.rows()[0] == row("a"));
}

TEST_CASE("a last line that was never finished is cut off, and only that", "[experiment]") {
  TempDir folder;
  const std::string path = folder.path() + "/results.jsonl";
  const std::string whole = io::to_string(row("a")) + "\n", half = io::to_string(row("b"));
  for (const std::size_t cut : {std::size_t{1}, half.size() / 2, half.size() - 1}) {
    io::write_file_atomically(path, whole + half.substr(0, cut));
    Results reader(folder.path(), "", 1);
    reader.load(false); // somebody may still be writing it
    CHECK(keys(reader) == std::vector<std::string>{"a"});
    CHECK(io::read_file(path) != whole);
    Results results(folder.path(), "", 1);
    results.load();
    CHECK(keys(results) == std::vector<std::string>{"a"});
    CHECK(io::read_file(path) == whole);
  }
  io::write_file_atomically(path, whole + half); // whole but for its newline
  Results results(folder.path(), "", 1);
  results.load();
  CHECK(keys(results) == std::vector<std::string>{"a", "b"});
}

TEST_CASE("a corrupted line is named, and nothing is changed", "[experiment]") {
  TempDir folder;
  const std::string path = folder.path() + "/results.jsonl";
  for (const std::string bad : {"{\"cell\":", "[]", "{\"cell\":\"x\"}", "not json"}) {
    const std::string text =
        io::to_string(row("a")) + "\n" + bad + "\n" + io::to_string(row("b")) + "\n";
    io::write_file_atomically(path, text);
    Results results(folder.path(), "", 1);
    CHECK(contains(message_of<sgq::io_error>([&] { results.load(); }), "results.jsonl, line 2"));
    CHECK(io::read_file(path) == text);
  }
}

TEST_CASE("rows of another numerics version are refused", "[experiment]") {
  TempDir folder;
  Results(folder.path(), "", 1).add(row("mnist/x", 0.5, 1));
  Results results(folder.path(), "", 2);
  {
    const std::string message = message_of<sgq::io_error>([&] { results.load(); });
    CHECK(contains(message, "results.jsonl, mnist/x"));
    CHECK(contains(message, "numerics version 2"));
  }
}

TEST_CASE("shards merge; equal rows count once, different ones are refused", "[experiment]") {
  TempDir folder;
  io::Json slower = row("a");
  slower["run"]["seconds"] = 99;
  Results(folder.path(), "1-of-2", 1).add(row("a"));
  Results(folder.path(), "2-of-2", 1).add(row("b"));
  Results(folder.path(), "2-of-2", 1).add(slower);
  Results merged(folder.path(), "", 1);
  merged.load();
  CHECK(keys(merged) == std::vector<std::string>{"a", "b"});
  merged.write();
  Results again(folder.path(), "", 1); // the rows are in two files now
  again.load();
  CHECK(again.rows().size() == 2);
  Results(folder.path(), "1-of-3", 1).add(row("b", 0.75));
  Results bad(folder.path(), "", 1);
  {
    const std::string message = message_of<sgq::io_error>([&] { bad.load(); });
    CHECK(contains(message, "b"));
    CHECK(contains(message, "not of one experiment"));
  }
}

TEST_CASE("a finished cell is found by what it was made of", "[experiment]") {
  TempDir folder;
  Results results(folder.path(), "", 1);
  results.add(row("a"));
  CHECK(results.find(row("a")) != nullptr);
  CHECK(results.find(row("b")) == nullptr);
  io::Json longer = row("a");
  longer["command"] = "mnist --epochs 2";
  {
    const std::string message = message_of<sgq::io_error>([&] { results.find(longer); });
    CHECK(contains(message, "mnist --epochs 2"));
    CHECK(contains(message, "mnist --epochs 1"));
    CHECK(contains(message, "needs another --out"));
  }
  io::Json measured = row("c");
  measured["network"] = "12";
  results.add(measured);
  measured["network"] = "34"; // the cell was made again
  CHECK_SAYS(results.find(measured), sgq::io_error, "c, network", "delete this row");
}

TEST_CASE("a set has one net in a folder", "[experiment]") {
  CHECK(head_of("mnist/lenet5/w4a4/plain/seed-1", 1) == "mnist");
  CHECK(head_of("mnist/lenet5/w4a4/plain/seed-1", 2) == "mnist/lenet5");
  CHECK(head_of("mnist", 2) == "mnist");
  TempDir folder;
  Results results(folder.path(), "", 1);
  results.add(row("mnist/lenet5/fp32"));
  CHECK(results.find(row("mnist/lenet5/w4a4")) == nullptr);
  CHECK(results.find(row("mnistlike/mnist_cnn/fp32")) == nullptr);
  const std::string planned =
      message_of<sgq::io_error>([&] { results.find(row("mnist/mnist_cnn/w4a4")); });
  CHECK(contains(planned, "mnist/lenet5"));
  CHECK(contains(planned, "another net needs another --out"));
  Results(folder.path(), "1-of-2", 1).add(row("mnist/mnist_cnn/fp32"));
  Results merged(folder.path(), "", 1);
  CHECK(contains(message_of<sgq::io_error>([&] { merged.load(); }), "another net"));
}

TEST_CASE("rows of one set are of the same images, and NaN is what is read back", "[experiment]") {
  TempDir folder;
  const auto with = [](const char* cell, index_t limit, const char* sum) {
    io::Json r = row(cell);
    r["data"] = io::Json::object({{"limit", limit}, {"validation", false}, {"train_sha256", sum}});
    return r;
  };
  const io::Json first = with("mnist/x/a", 0, "12"), other = with("mnist/x/b", 0, "34");
  Results results(folder.path(), "", 1);
  results.add(first);
  results.check_data(first.at("data"));
  results.check_data(with("mnist/x/c", 20000, "34").at("data")); // another part of the set
  CHECK_SAYS(results.check_data(other.at("data")), sgq::io_error, "mnist/x/a", "SHA-256", "\"12\"",
             "\"34\"");
  Results(folder.path(), "1-of-2", 1).add(other);
  Results merged(folder.path(), "", 1);
  CHECK(contains(message_of<sgq::io_error>([&] { merged.load(); }), "rows of other images"));

  io::Json undefined = row("a");
  undefined["test_accuracy"] = std::nan("");
  CHECK(same_result(undefined, io::parse_json(io::to_string(undefined))));
  CHECK(difference(undefined, row("a")) == "test_accuracy");
  CHECK(difference(row("a"), row("a")) == "");
}

TEST_CASE("rows of the two arithmetics do not stand in one folder", "[experiment]") {
  TempDir folder;
  const auto of = [](const char* cell, const char* isa, std::optional<bool> fused) {
    io::Json r = row(cell);
    r["run"]["isa"] = isa;
    if (fused) r["run"]["fused"] = *fused;
    return r;
  };
  Results results(folder.path(), "", 1);
  results.add(of("a", "avx2", std::nullopt));
  results.add(of("b", "generic", true)); // compiled with -mfma
  results.check_arithmetic(true);
  CHECK_SAYS(results.check_arithmetic(false), sgq::io_error, "no fused multiply-add",
             "a row of the other arithmetic");
  Results(folder.path(), "1-of-2", 1).add(of("c", "generic", std::nullopt));
  Results merged(folder.path(), "", 1);
  CHECK(contains(message_of<sgq::io_error>([&] { merged.load(); }), "the other arithmetic"));
}

TEST_CASE("two runs do not write to one folder", "[experiment]") {
  TempDir folder;
  std::filesystem::create_directories(folder / "cells");
  {
    const Lock one(folder.path(), "1-of-2"), two(folder.path(), "2-of-2");
    for (const char* shard : {"1-of-2", "2-of-3", ""}) // 2-of-3 shares cells with 1-of-2
      CHECK_SAYS(Lock(folder.path(), shard), sgq::io_error, "--out", "no other run writes to");
  }
  CHECK_NOTHROW(Lock(folder.path(), "2-of-3"));
  const Lock whole(folder.path(), "");
  CHECK_SAYS(Lock(folder.path(), "1-of-2"), sgq::io_error, "--out", "no other run writes to");
}

TEST_CASE("a cell's file must be the one that its row was made of", "[experiment]") {
  TempDir folder;
  const auto write = [&](const std::string& version, float value, const std::string& name) {
    io::SafeTensors file;
    file.metadata["version"] = version;
    file.add(name, sgq::Tensor<float>({2}, {1, value}));
    io::write_safetensors(folder / "x", file);
  };
  write("0.2.0", 2, "weight");
  io::Json r = row("a");
  r["files"]["x"] = tensors_sum(folder / "x");
  CHECK_NOTHROW(check_network_file(folder.path(), r, "x"));
  write("0.10.0", 2, "weight"); // a later version's
  CHECK_NOTHROW(check_network_file(folder.path(), r, "x"));
  write("0.2.0", 3, "weight");
  CHECK_SAYS(check_network_file(folder.path(), r, "x"), sgq::io_error, "SHA-256",
             "got " + tensors_sum(folder / "x"), "delete this file");
  CHECK_SAYS(check_network_file(folder.path(), r, "x", "networks/a"), sgq::io_error, folder / "x",
             "delete networks/a to have");
  write("0.2.0", 2, "bias");
  CHECK_SAYS(check_network_file(folder.path(), r, "x"), sgq::io_error, "SHA-256",
             "got " + tensors_sum(folder / "x"));
}

} // namespace test_results
