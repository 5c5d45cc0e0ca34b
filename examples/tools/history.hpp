// The epochs of a run: history.jsonl, a row an epoch, and training.svg, their curves.
//
//     {"epoch":1,"train_loss":0.41,"train_accuracy":0.88,"test_loss":0.12,"test_accuracy":0.96,
//      "learning_rate":0.002,"seconds":11.5}
//
// Under --validation the columns are validation_loss and validation_accuracy; a silent run has
// neither. The learning rate is that of the epoch's last step, the seconds are those of training
// since the run began. But for these seconds a run that was killed and gone on with has the rows of
// one that was not.
#pragma once

#include "line_chart.hpp"

#include "sgq/core/error.hpp"
#include "sgq/io/file.hpp"
#include "sgq/io/json.hpp"
#include "sgq/train/meters.hpp"

#include <string>
#include <vector>

namespace examples {

/// One epoch; `held` are the images that were not trained on, none in a silent run.
struct Epoch {
  sgq::index_t number = 1;
  sgq::train::Meter train{}, held{};
  double learning_rate = 0, seconds = 0;
};

class History {
public:
  /// `held` is "test" or "validation".
  History(std::string out, std::string held)
      : rows_file_(out + "/history.jsonl"), curves_file_(out + "/training.svg"),
        held_(std::move(held)) {}

  const std::string& rows_file() const { return rows_file_; }
  const std::string& curves_file() const { return curves_file_; }

  void add(const Epoch& e) {
    sgq::io::Json row = sgq::io::Json::object({{"epoch", e.number},
                                               {"train_loss", e.train.loss()},
                                               {"train_accuracy", e.train.accuracy()}});
    if (e.held.images > 0) {
      row[held_ + "_loss"] = e.held.loss();
      row[held_ + "_accuracy"] = e.held.accuracy();
    }
    row["learning_rate"] = e.learning_rate;
    row["seconds"] = e.seconds;
    rows_.push_back(std::move(row));
  }

  void save() const {
    std::string text;
    for (const sgq::io::Json& row : rows_) text += sgq::io::to_string(row) + "\n";
    sgq::io::write_file_atomically(rows_file_, text);
  }

  /// The rows of the first `epochs` epochs, for a run that goes on from there. Throws io_error
  /// where the file has other ones or fewer: it is of another run.
  void load(sgq::index_t epochs) {
    rows_.clear();
    if (epochs == 0) return;
    const std::string text = sgq::io::read_file(rows_file_);
    std::size_t at = 0;
    for (sgq::index_t epoch = 1; epoch <= epochs; ++epoch) {
      const std::size_t end = text.find('\n', at);
      const std::string where = rows_file_ + ", line " + sgq::to_text(epoch);
      if (end == text.npos) refuse(where, epoch, "the end");
      sgq::io::Json row =
          sgq::io::parse_json(std::string_view(text).substr(at, end - at), {.name = where});
      const sgq::io::Json* number = row.find("epoch");
      if (!number || !number->is_int() || number->as_int() != epoch)
        refuse(where, epoch, "another row");
      rows_.push_back(std::move(row));
      at = end + 1;
    }
  }

  /// Losses above, accuracies in percent below.
  void draw(const std::string& title) const {
    if (rows_.empty()) return;
    LineChart losses{.title = title, .x_label = "epoch", .y_label = "loss"},
        accuracies{.x_label = "epoch", .y_label = "accuracy, %"};
    for (const std::string& set : {std::string("train"), held_}) {
      const std::string name = set == "train" ? "training" : set;
      losses.lines.push_back({name, points(set + "_loss", 1)});
      accuracies.lines.push_back({name, points(set + "_accuracy", 100)});
    }
    sgq::io::write_file_atomically(curves_file_, stacked({to_svg(losses), to_svg(accuracies)}));
  }

private:
  [[noreturn]] static void refuse(const std::string& where, sgq::index_t epoch, const char* got) {
    throw sgq::io_error(
        sgq::describe(where, "the row of epoch " + sgq::to_text(epoch), got,
                      "it belongs to another run: to train anew, remove the checkpoint"));
  }

  std::vector<std::pair<double, double>> points(const std::string& column, double factor) const {
    std::vector<std::pair<double, double>> all;
    for (const sgq::io::Json& row : rows_)
      if (const sgq::io::Json* value = row.find(column); value && value->is_number())
        all.emplace_back(row.at("epoch").as_double(), factor * value->as_double());
    return all;
  }

  std::string rows_file_, curves_file_, held_;
  std::vector<sgq::io::Json> rows_;
};

} // namespace examples
