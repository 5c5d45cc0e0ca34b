#include "sgq/data/folder.hpp"

#include "fuzz.hpp"

using namespace sgq::data;

// The names that were read stand in a file that reads back as the same. It begins with a mark of
// its own: one at the start of the first name would be taken for it.
void fuzz_one(std::string_view bytes) {
  const fuzz::File file(bytes);
  std::vector<std::string> names;
  if (!fuzz::accepts([&] { names = detail::read_class_names(file.path()); })) return;
  std::string written = "\xef\xbb\xbf";
  for (const std::string& name : names) written += name + "\n";
  const fuzz::File again(written);
  fuzz::require(detail::read_class_names(again.path()) == names);
}
