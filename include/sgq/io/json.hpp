// sgq/io/json.hpp -- JSON: the value, its reader and its writer.
//
//     Json metrics = parse_json(read_file(path), {.name = path});
//     metrics["test_accuracy"] = 0.991;
//     write_file_atomically(path, to_pretty_string(metrics));
#pragma once

#include "sgq/io/json_parse.hpp"
#include "sgq/io/json_value.hpp"
#include "sgq/io/json_write.hpp"
