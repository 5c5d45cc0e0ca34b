#include "sgq/nn/model_file.hpp"

#include "fuzz.hpp"

using namespace sgq;

// A model that was read, by its layers or by its spec, is one that can be written and read again.
void fuzz_one(std::string_view bytes) {
  fuzz::accepts([&] {
    const io::SafeTensors file = io::parse_safetensors(bytes, "fuzz");
    nn::Model<float> model = nn::load_model(file);
    const io::Json layers = nn::to_json(model.net);
    io::SafeTensors again;
    again.metadata = file.metadata;
    again.metadata["layers"] = io::to_string(layers);
    nn::add_tensors(again, nn::stored(model.net));
    fuzz::require(fuzz::accepts([&] {
      nn::Model<float> same = nn::load_model(again);
      fuzz::require(nn::to_json(same.net) == layers && !same.spec == !model.spec &&
                    same.name() == model.name() && same.bits() == model.bits());
    }));
  });
}
