#include "sgq/nn/model_file.hpp"

#include "fuzz.hpp"

using namespace sgq;

// A model that was read is one that can be written and read again.
void fuzz_one(std::string_view bytes) {
  fuzz::accepts([&] {
    nn::Model<float> model = nn::load_model(io::parse_safetensors(bytes, "fuzz"));
    io::SafeTensors again;
    again.metadata = nn::to_metadata(model.spec);
    nn::add_tensors(again, nn::stored(model.net));
    fuzz::require(fuzz::accepts([&] { fuzz::require(nn::load_model(again).spec == model.spec); }));
  });
}
