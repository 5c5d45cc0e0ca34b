// Chapter 7: a trained LeNet of two bits as integers: every code compared, packed, and in C.
#include "digits.hpp"

using namespace learn;

int main() {
  const Digits digits;
  nn::Net<float> net = lenet(digits, "w2a2");
  std::printf("test accuracy %.1f %%\n\n", teach(net, digits));
  const infer::Graph graph = infer::export_integer(net);

  const Tensor<float> x = digits.images(200);
  const View<const std::uint8_t> pixels = digits.test_set.images.view().slice(0, 200);
  nn::Tape<float> tape;
  net.forward(x, tape);
  const auto by_definition = infer::run_reference(graph, pixels);
  const auto by_engine = infer::Engine(graph, {.keep_values = true}).values(pixels);
  const auto engine = infer::compare(graph, by_engine, net, tape);
  std::printf("layer   weights of  |sums| <=   numbers compared   different: loops, engine\n");
  std::size_t i = 0;
  for (const infer::Comparison& c : infer::compare(graph, by_definition, net, tape)) {
    const infer::Step& s = graph.steps[i];
    std::printf("%-7s %-10s %10lld %18lld %17lld %7lld\n", c.layer.c_str(), s.weights_name.c_str(),
                static_cast<long long>(s.bound), static_cast<long long>(c.codes),
                static_cast<long long>(c.different), static_cast<long long>(engine[i].different));
    ++i;
  }

  index_t parameters = 0;
  for (const auto& p : net.parameters()) parameters += p.parameter->size();
  const infer::CSource c = infer::to_c(graph, {.name = "digits", .sample = pixels.slice(0, 1)});
  std::printf("\nparameters in fp32   %lld bytes\npacked weights        %lld bytes\n",
              static_cast<long long>(4 * parameters),
              static_cast<long long>(infer::weight_bytes(graph)));
  std::printf("in C: tables          %lld bytes of flash, the self-test's 824 included\n"
              "      static memory    %lld bytes of RAM\n",
              static_cast<long long>(c.constant_bytes), static_cast<long long>(c.ram_bytes));
  const auto at = c.source.find("void digits_run");
  std::printf("\n%s", c.source.substr(at, c.source.find("}\n", at) + 2 - at).c_str());
}
