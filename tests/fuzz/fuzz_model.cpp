#include "sgq/io/model.hpp"

#include "fuzz.hpp"

using namespace sgq;

// A model that was read is one that can be written and read again.
void fuzz_one(std::string_view bytes) {
  fuzz::accepts([&] {
    io::Model<float> model = io::load_model(io::parse_safetensors(bytes, "fuzz"));
    io::SafeTensors again;
    again.metadata = nn::to_metadata(model.spec);
    io::add_tensors(again, io::stored(model.net));
    fuzz::require(fuzz::accepts([&] { fuzz::require(io::load_model(again).spec == model.spec); }));
  });
}
