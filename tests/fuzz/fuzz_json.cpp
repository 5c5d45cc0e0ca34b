#include "sgq/io/json.hpp"

#include "fuzz.hpp"

using namespace sgq::io;

// What was read is written as JSON that reads back as the same, on one line or on many.
void fuzz_one(std::string_view bytes) {
  Json json;
  if (!fuzz::accepts([&] { json = parse_json(bytes); })) return;
  fuzz::require(parse_json(to_string(json)) == json);
  fuzz::require(parse_json(to_pretty_string(json)) == json);
}
