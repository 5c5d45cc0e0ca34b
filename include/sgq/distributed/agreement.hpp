// sgq/distributed/agreement.hpp -- what must be the same on all ranks, compared before they train.
//
// A rank with another data file, option or library would compute another sum, and no single process
// could reproduce the run. So each rank lists facts by name, and a difference from rank 0 is an
// error everywhere.
#pragma once

#include "sgq/data/dataset.hpp"
#include "sgq/distributed/communicator.hpp"
#include "sgq/io/dtype.hpp"
#include "sgq/io/sha256.hpp"
#include "sgq/kernels/simd/fused.hpp"
#include "sgq/nn/net.hpp"
#include "sgq/nn/spec.hpp"
#include "sgq/version.hpp"

#include <numeric>
#include <string>
#include <vector>

namespace sgq::distributed {

/// The library, and whether its arithmetic is fused (kernels/simd/fused.hpp).
inline nn::Metadata library_facts() {
  return {{"version of sgq", version},
          {"numerics version", to_text(numerics_version)},
          {"arithmetic", kernels::arithmetic()}};
}

/// The SHA-256 of a net's parameters and running statistics.
template <class T>
std::string digest(nn::Net<T>& net) {
  io::Sha256 sum;
  for (const auto& p : net.parameters()) sum.update(io::bytes_of(p.parameter->value()));
  for (const auto& b : net.buffers()) sum.update(io::bytes_of(b.tensor->view()));
  return sum.hex();
}

namespace detail {

inline std::byte* bytes_at(std::string& text) {
  return reinterpret_cast<std::byte*>(text.data());
}

/// The texts of all ranks.
inline std::vector<std::string> gather_texts(Communicator& ranks, std::string own) {
  const auto size = static_cast<std::size_t>(ranks.size()),
             at = static_cast<std::size_t>(ranks.rank());
  const std::vector<index_t> of_numbers(size, sizeof(index_t));
  std::vector<index_t> lengths(size);
  lengths[at] = static_cast<index_t>(own.size());
  const index_t mine = lengths[at];
  ranks.all_gather(reinterpret_cast<const std::byte*>(&mine),
                   reinterpret_cast<std::byte*>(lengths.data()), of_numbers);
  const index_t sum = std::accumulate(lengths.begin(), lengths.end(), index_t{0});
  std::string all(static_cast<std::size_t>(sum), '\0');
  ranks.all_gather(bytes_at(own), bytes_at(all), lengths);
  std::vector<std::string> texts;
  std::size_t from = 0;
  for (const index_t length : lengths) {
    texts.push_back(all.substr(from, static_cast<std::size_t>(length)));
    from += static_cast<std::size_t>(length);
  }
  return texts;
}

/// The text of rank 0.
inline std::string broadcast_text(Communicator& ranks, std::string text) {
  auto length = static_cast<index_t>(text.size());
  ranks.broadcast(reinterpret_cast<std::byte*>(&length), sizeof length, 0);
  text.resize(static_cast<std::size_t>(length));
  ranks.broadcast(bytes_at(text), length, 0);
  return text;
}

/// Name and value of each fact, every one ended by a zero byte.
inline std::string written(const nn::Metadata& facts) {
  std::string text;
  for (const auto& [name, value] : facts) text.append(name + '\0' + value + '\0');
  return text;
}

inline nn::Metadata read_facts(const std::string& text) {
  nn::Metadata facts;
  std::vector<std::string> parts;
  for (std::size_t at = 0; at < text.size(); at = text.find('\0', at) + 1)
    parts.push_back(text.substr(at, text.find('\0', at) - at));
  for (std::size_t i = 0; i + 1 < parts.size(); i += 2) facts[parts[i]] = parts[i + 1];
  return facts;
}

/// What differs from the facts of rank 0, in words; empty if nothing does.
inline std::string difference(nn::Metadata first, nn::Metadata own, index_t rank) {
  for (const auto& [name, value] : own) first.try_emplace(name, "none");
  for (const auto& [name, value] : first) {
    const std::string& mine = own.try_emplace(name, "none").first->second;
    if (mine != value)
      return describe("rank " + to_text(rank) + ", " + name, value + ", as on rank 0", mine,
                      "start all ranks with the same program, options and data");
  }
  return {};
}

} // namespace detail

/// Throws value_error on every rank unless all have the facts of rank 0; the text names the first
/// rank that differs and the fact.
inline void check_agreement(Communicator& ranks, const nn::Metadata& facts) {
  const nn::Metadata first =
      detail::read_facts(detail::broadcast_text(ranks, detail::written(facts)));
  for (const std::string& text :
       detail::gather_texts(ranks, detail::difference(first, facts, ranks.rank())))
    if (!text.empty()) throw value_error(text);
}

} // namespace sgq::distributed
