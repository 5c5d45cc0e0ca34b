#include "sgq/quant/policy.hpp"

#include "fuzz.hpp"

using namespace sgq::quant;

// A policy that was read has a name that reads back as the same policy.
void fuzz_one(std::string_view bytes) {
  fuzz::accepts([&] { parse_first_last(bytes); });
  BitPolicy policy;
  if (!fuzz::accepts([&] { policy = parse_bit_policy(bytes); })) return;
  fuzz::require(parse_bit_policy(name(policy)) == policy);
  const std::string layers[] = {"conv1", "conv2", "fc"};
  fuzz::accepts([&] { fuzz::require(resolve(policy, layers).size() == 3); });
}
