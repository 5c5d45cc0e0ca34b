// Small files in the formats of the readers, and their damage.
#pragma once

#include <cstdint>
#include <fstream>
#include <string>

namespace data_files {

inline void write(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

inline std::string big_endian(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 255);
  return bytes;
}

/// n bytes that look random; byte i does not depend on n.
inline std::string pixels(int n, std::uint32_t seed = 1) {
  std::string bytes;
  for (int i = 0; i < n; ++i) {
    seed = seed * 1664525u + 1013904223u;
    bytes += static_cast<char>(seed >> 24);
  }
  return bytes;
}

/// Labels 0 1 2 .. 9 0 1 ..
inline std::string labels(int n) {
  std::string bytes;
  for (int i = 0; i < n; ++i) bytes += static_cast<char>(i % 10);
  return bytes;
}

inline std::string idx_labels(int n) {
  return big_endian(0x801) + big_endian(static_cast<std::uint32_t>(n)) + labels(n);
}

inline std::string idx_images(int n, int height = 28, int width = 28) {
  std::string bytes = big_endian(0x803);
  for (int extent : {n, height, width}) bytes += big_endian(static_cast<std::uint32_t>(extent));
  return bytes + pixels(n * height * width);
}

inline std::string cifar(int n, std::uint32_t seed = 1) {
  const std::string all = pixels(n * 3072, seed), marks = labels(n);
  std::string bytes;
  for (int i = 0; i < n; ++i)
    bytes += marks.substr(static_cast<std::size_t>(i), 1) +
             all.substr(static_cast<std::size_t>(i) * 3072, 3072);
  return bytes;
}

} // namespace data_files
