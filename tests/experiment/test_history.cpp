// history.jsonl and training.svg: what a row has, how rows are taken up again, and the curves.
#include "../../examples/tools/history.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/temp_dir.hpp"

#include <filesystem>

namespace test_history {

using namespace examples;

namespace {

Epoch epoch(sgq::index_t number) {
  Epoch e{.number = number, .learning_rate = 0.5 / static_cast<double>(number), .seconds = 1.5};
  e.train.add(1.0 / static_cast<double>(3 * number), 7, 8);
  e.held.add(0.25, 3, 4);
  return e;
}

std::string text_of(const History& history) {
  return sgq::io::read_file(history.rows_file());
}

} // namespace

TEST_CASE("a row of the history has the epoch's numbers", "[experiment]") {
  const TempDir dir;
  History history(dir / "", "validation");
  history.add(epoch(1));
  history.save();
  CHECK(text_of(history) == "{\"epoch\":1,\"train_loss\":0.3333333333333333,\"train_accuracy\":"
                            "0.875,\"validation_loss\":0.25,\"validation_accuracy\":0.75,"
                            "\"learning_rate\":0.5,\"seconds\":1.5}\n");
  History silent(dir / "", "test");
  Epoch e = epoch(1);
  e.held = {};
  silent.add(e);
  silent.save();
  CHECK_FALSE(contains(text_of(silent), "test_"));
}

TEST_CASE("a history goes on with the rows of the epochs that are over", "[experiment]") {
  const TempDir dir;
  History whole(dir / "", "test");
  for (sgq::index_t i = 1; i <= 3; ++i) whole.add(epoch(i));
  whole.save();
  const std::string expected = text_of(whole);

  History again(dir / "", "test");
  again.load(2); // one row too many: the kill came before the checkpoint
  again.add(epoch(3));
  again.save();
  CHECK(text_of(again) == expected);
  again.load(0);
  again.save();
  CHECK(text_of(again).empty());

  const auto message = [&](const std::string& rows) {
    sgq::io::write_file_atomically(whole.rows_file(), rows);
    return message_of<sgq::io_error>([&] { whole.load(2); });
  };
  const std::string one = expected.substr(0, expected.find('\n') + 1);
  CHECK(contains(message(one), "line 2: expected the row of epoch 2, got the end"));
  CHECK(contains(message(one), "to train anew, remove the checkpoint"));
  CHECK(contains(message(one + one), "line 2: expected the row of epoch 2, got another row"));
  CHECK(contains(message(one + "[2]\n"), "got another row"));
  CHECK(contains(message(one + "{\"epoch\":2"), "got the end")); // cut short
  CHECK(contains(message(one + "{\"epoch\":\n"), "line 2, byte"));
  std::filesystem::remove(whole.rows_file());
  CHECK_SAYS(whole.load(1), sgq::io_error, "read '" + whole.rows_file() + "'", "No such file");
}

TEST_CASE("the curves are losses above accuracies", "[experiment]") {
  const TempDir dir;
  History history(dir / "", "test");
  history.draw("nothing yet");
  CHECK_FALSE(std::filesystem::exists(history.curves_file()));
  for (sgq::index_t i = 1; i <= 3; ++i) history.add(epoch(i));
  history.draw("a < b");
  const std::string svg = sgq::io::read_file(history.curves_file());
  for (const char* words : {"a &lt; b", "epoch", "loss", "accuracy, %", "training  87.5",
                            "test  0.25", "test  75", "viewBox=\"0 0 720 800\""}) {
    INFO(words);
    CHECK(contains(svg, words));
  }
  const auto count = [&](const std::string& what) {
    int n = 0;
    for (std::size_t at = svg.find(what); at != svg.npos; at = svg.find(what, at + 1)) ++n;
    return n;
  };
  CHECK(count("<polyline") == 4);
  CHECK(count("<svg") == count("</svg>"));
  CHECK(count("<g ") == count("</g>"));
}

} // namespace test_history
