// A store of rows: STEM.jsonl in a folder, one JSON object per line.
//
//     results.jsonl    a row per trained network      train_cell.hpp
//     measures.jsonl   a row per measured network     measure_cell.hpp
//
//     cell, numerics, ..   what was done; equal ones give equal rows
//     files                SHA-256 of files that belong to the row; of networks, of their tensors
//     run                  all that may differ between equal runs
//     ..                   what was found
//
// A row is appended and flushed when its cell is done, so a killed run loses at most the cell under
// way. Shards append to files of their own (results.1-of-2.jsonl); a run without --shard
// reads them all. When such a run ends, the store is written anew, sorted by cell.
#pragma once

#include "sgq/io/file.hpp"
#include "sgq/io/json.hpp"
#include "sgq/io/safetensors.hpp"
#include "sgq/io/sha256.hpp"

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

namespace examples {

namespace io = sgq::io;

inline const std::string& key_of(const io::Json& row) {
  return row.at("cell").as_string();
}

/// What stands before the n-th slash of a key: of "mnist/lenet5/w4a4/..", 1: "mnist", its set; 2:
/// "mnist/lenet5", with its net.
inline std::string_view head_of(std::string_view key, int n) {
  std::size_t end = key.find('/');
  for (; n > 1 && end != key.npos; --n) end = key.find('/', end + 1);
  return key.substr(0, end);
}

/// A key as the name of a file or a folder.
inline std::string file_name_of(std::string key) {
  std::replace(key.begin(), key.end(), '/', '.');
  return key;
}

/// The folder of a cell below OUT.
inline std::string cell_folder(const std::string& out, const std::string& key) {
  return out + "/cells/" + file_name_of(key);
}

/// The classes that a cell's network predicts, below OUT.
inline std::string predictions_path(const std::string& out, const std::string& key) {
  return out + "/predictions/" + file_name_of(key) + ".npy";
}

/// True if the row is of this making: all that `making` says holds of the row.
inline bool is_made_so(const io::Json& row, const io::Json& making) {
  for (const auto& [name, value] : making.as_object())
    if (const io::Json* found = row.find(name); !found || !(*found == value)) return false;
  return true;
}

/// What equal runs share of a row: all but `run`.
inline io::Json without_run(const io::Json& row) {
  io::Json rest = io::Json::object();
  for (const auto& [name, value] : row.as_object())
    if (name != "run") rest[name] = value;
  return rest;
}

/// By what is written: a NaN is null there.
inline bool same_result(const io::Json& a, const io::Json& b) {
  return io::to_string(without_run(a)) == io::to_string(without_run(b));
}

/// Whether a row was made with fused multiply-add, which gives other bits (docs/portability.md);
/// rows of 0.2.0 do not say, but only `generic` had none.
inline bool is_fused(const io::Json& row) {
  const io::Json &run = row.at("run"), *fused = run.find("fused"), *isa = run.find("isa");
  return fused ? *fused == io::Json(true) : !isa || !(*isa == io::Json("generic"));
}

/// The first member in which two rows of a cell differ; "" if in none.
inline std::string difference(const io::Json& a, const io::Json& b) {
  const io::Json rest = without_run(a);
  for (const auto& [name, value] : rest.as_object()) {
    const io::Json* other = b.find(name);
    if (!other || io::to_string(value) != io::to_string(*other)) return name;
  }
  return "";
}

/// The rows of a file.
struct Rows {
  std::vector<io::Json> rows{};
  bool torn = false; ///< the last line was never finished, and is left out
};

/// Reads a file of rows. A last line without its end is what a killed run leaves; any other line
/// that is no row is an io_error that names it, and nothing is changed.
inline Rows read_rows(const std::string& path) {
  Rows found;
  const std::string text = io::read_file(path);
  std::size_t number = 1;
  for (std::size_t at = 0; at < text.size(); ++number) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    const std::string name = path + ", line " + sgq::to_text(number);
    at = end + 1;
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    try {
      io::Json row = io::parse_json(line, {.name = name});
      for (const char* key : {"cell", "numerics", "run"})
        if (!row.find(key))
          throw sgq::io_error(sgq::describe(name, "a row with '" + std::string(key) + "'", "none"));
      found.rows.push_back(std::move(row));
    } catch (const sgq::io_error& e) {
      if (end == text.size()) { // no newline: it was being written
        found.torn = true;
        break;
      }
      throw sgq::io_error(
          std::string(e.what()) +
          " (the other rows are untouched: mend or delete this line, then --resume)");
    }
  }
  return found;
}

inline std::string to_lines(const std::vector<io::Json>& rows) {
  std::string text;
  for (const io::Json& row : rows) text += io::to_string(row) + "\n";
  return text;
}

class Results {
public:
  /// `shard` is empty, or "1-of-2".
  Results(std::string out, const std::string& shard, int numerics, std::string stem = "results")
      : out_(std::move(out)), stem_(std::move(stem)), whole_(out_ + "/" + stem_ + ".jsonl"),
        path_(shard.empty() ? whole_ : out_ + "/" + stem_ + "." + shard + ".jsonl"),
        numerics_(numerics) {}

  const std::string& path() const { return path_; }
  const std::vector<io::Json>& rows() const { return rows_; }
  std::vector<io::Json>& rows() { return rows_; }

  /// True if the folder has rows, of the whole or of any shard.
  bool has_files() const { return !files().empty(); }

  /// Takes in all rows of the folder, sorted. If this run `will_write`, a torn line is cut off the
  /// file that it will write to; otherwise another process may be writing it.
  void load(bool will_write = true) {
    for (const std::string& file : files()) {
      Rows found = read_rows(file);
      if (will_write && found.torn && file == path_)
        io::write_file_atomically(file, to_lines(found.rows));
      for (io::Json& row : found.rows) take(std::move(row), file);
    }
    sort();
  }

  /// The row of this making, or null. Throws io_error on one of the same cell made otherwise, or
  /// where the set's rows are of another net.
  const io::Json* find(const io::Json& making) const {
    check_net(key_of(making), whole_);
    for (const io::Json& row : rows_) {
      if (key_of(row) != key_of(making)) continue;
      if (is_made_so(row, making)) return &row;
      refuse_making(row, making);
    }
    return nullptr;
  }

  /// Throws io_error where rows are of other images than `data`, though of the same part of the set.
  void check_data(const io::Json& data) const {
    for (const io::Json& row : rows_) {
      const io::Json* sums = row.find("data");
      if (sums && sums->at("limit") == data.at("limit") &&
          sums->at("validation") == data.at("validation") && !(*sums == data))
        throw sgq::io_error(sgq::describe(whole_ + ": " + key_of(row) + ", the set's SHA-256",
                                          io::to_string(data), io::to_string(*sums),
                                          "rows of other images need another --out"));
    }
  }

  /// Throws io_error where rows are of the other arithmetic: nobody could make all of them again.
  void check_arithmetic(bool fused) const {
    for (const io::Json& row : rows_)
      if (is_fused(row) != fused)
        throw sgq::io_error(sgq::describe(
            whole_ + ": " + key_of(row), fused ? "fused multiply-add" : "no fused multiply-add",
            "a row of the other arithmetic",
            "resume with this arithmetic (SGQ_ISA), or use another --out"));
  }

  /// Appends a finished row, flushed to the disk.
  void add(io::Json row) {
    io::append_line(path_, io::to_string(row));
    rows_.push_back(std::move(row));
  }

  void sort() {
    std::sort(rows_.begin(), rows_.end(),
              [](const io::Json& a, const io::Json& b) { return key_of(a) < key_of(b); });
  }

  /// Writes all rows to one file, in their order; those of shards are no longer needed.
  void write() const {
    const std::vector<std::string> before = files();
    io::write_file_atomically(whole_, to_lines(rows_));
    for (const std::string& file : before)
      if (file != whole_) std::filesystem::remove(file);
  }

private:
  /// Names what differs.
  [[noreturn]] void refuse_making(const io::Json& row, const io::Json& making) const {
    for (const auto& [name, value] : making.as_object()) {
      const io::Json* found = row.find(name);
      if (found && *found == value) continue;
      const char* hint = name == "network"
                             ? "delete this row, which is of another network"
                             : "another --scale, --limit or recipe needs another --out";
      throw sgq::io_error(sgq::describe(whole_ + ": " + key_of(row) + ", " + name,
                                        io::to_string(value),
                                        found ? io::to_string(*found) : "none", hint));
    }
    throw sgq::io_error(sgq::describe(whole_ + ": " + key_of(row), "the options of this run",
                                      "others", "another run needs another --out"));
  }

  /// The whole first, then those of shards.
  std::vector<std::string> files() const {
    std::vector<std::string> found;
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator(out_, none)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with(stem_ + ".") && name.ends_with(".jsonl") &&
          name.find("-of-") != name.npos)
        found.push_back(out_ + "/" + name);
    }
    std::sort(found.begin(), found.end());
    if (std::filesystem::exists(whole_, none)) found.insert(found.begin(), whole_);
    return found;
  }

  /// A set has one net in a folder: cells of two are not compared, nor do they stand in one table.
  void check_net(const std::string& key, const std::string& where) const {
    for (const io::Json& row : rows_)
      if (head_of(key_of(row), 1) == head_of(key, 1) && head_of(key_of(row), 2) != head_of(key, 2))
        throw sgq::io_error(sgq::describe(
            where + ": " + key,
            "the net of the set's other rows, " + std::string(head_of(key_of(row), 2)),
            std::string(head_of(key, 2)), "another net needs another --out"));
  }

  void take(io::Json row, const std::string& file) {
    if (!(row.at("numerics") == io::Json(numerics_)))
      throw sgq::io_error(
          sgq::describe(file + ", " + key_of(row), "numerics version " + sgq::to_text(numerics_),
                        io::to_string(row.at("numerics")),
                        "its numbers cannot stand beside today's: use another --out"));
    check_net(key_of(row), file);
    if (row.find("data")) check_data(row.at("data"));
    check_arithmetic(is_fused(row));
    for (const io::Json& other : rows_) {
      if (key_of(other) != key_of(row)) continue;
      if (same_result(other, row)) return;
      throw sgq::io_error(sgq::describe(file + ", " + key_of(row), "the row that is known already",
                                        "another one", "these results are not of one experiment"));
    }
    rows_.push_back(std::move(row));
  }

  std::string out_, stem_, whole_, path_;
  int numerics_;
  std::vector<io::Json> rows_;
};

/// SHA-256 of a safetensors file without its metadata, which name the library's version: a network
/// that is made again by a later one has the same sum.
inline std::string tensors_sum(const std::string& path) {
  io::SafeTensors file = io::read_safetensors(path);
  file.metadata.clear();
  return io::sha256(io::format_safetensors(file));
}

/// Throws io_error if the cell's network is not the one that the row was made of. `source`: the
/// file that this one was made of, if any.
inline void check_network_file(const std::string& folder, const io::Json& row,
                               const std::string& name, const std::string& source = "") {
  const std::string path = folder + "/" + name;
  const std::string sum = tensors_sum(path), expected = row.at("files").at(name).as_string();
  if (sum != expected)
    throw sgq::io_error(sgq::describe(path, "tensors of SHA-256 " + expected, sum,
                                      "delete " + (source.empty() ? "this file" : source) +
                                          " to have the cell made again"));
}

} // namespace examples
