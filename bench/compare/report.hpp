#pragma once
// How the results of contests are told: as a table, as JSON and as a picture.

#include <string>
#include <vector>

#include "bench/compare/contest.hpp"

namespace tfl::bench {

/// What stands above the results.
struct Circumstances {
  std::string processor;
  std::string architecture;  // of ours
  std::string peers;         // where they come from
  Timing timing;
};

std::string processor_name();

/// Lines of a table; its head first.
std::string table_head();
std::string table_rows(const Contest& contest);

/// Both fail with a sentence, or return an empty string.
std::string write_json(const std::string& path, const Circumstances& circumstances, const std::vector<Contest>& contests);
std::string write_picture(const std::string& path, const Circumstances& circumstances, const std::vector<Contest>& contests);

}  // namespace tfl::bench
