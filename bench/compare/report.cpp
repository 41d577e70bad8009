#include "bench/compare/report.hpp"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

namespace tfl::bench {

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) return line.substr(std::min(line.size(), line.find(':') + 2));
  }
  return "unknown";
}

std::string table_head() {
  return "| model | threads | library | median us | best us | faster by ours, median (10 % .. 90 % of the rounds) |\n"
         "|---|---|---|---|---|---|\n";
}

std::string table_rows(const Contest& contest) {
  std::string rows;
  char line[320];
  for (std::size_t i = 0; i < contest.contestants.size(); ++i) {
    const Contestant& c = contest.contestants[i];
    char ratio[64] = "";
    if (i > 0) {
      const auto r = ratios(contest, i);
      std::snprintf(ratio, sizeof ratio, "**%.2f** (%.2f .. %.2f)", quantile(r, 0.5), quantile(r, 0.1), quantile(r, 0.9));
    }
    std::snprintf(line, sizeof line, "| %s | %d | %s | %.1f | %.1f | %s |\n", contest.model.c_str(), contest.threads, c.name.c_str(),
                  quantile(c.nanoseconds, 0.5) * 1e-3, quantile(c.nanoseconds, 0) * 1e-3, ratio);
    rows += line;
  }
  for (const Absent& absent : contest.absent) {
    rows += "| " + contest.model + " | " + std::to_string(contest.threads) + " | " + absent.name + " | - | - | " + absent.reason + " |\n";
  }
  return rows;
}

std::string write_json(const std::string& path, const Circumstances& circumstances, const std::vector<Contest>& contests) {
  using Json = nlohmann::ordered_json;
  const auto summary = [](const std::vector<double>& values, double unit) {
    return Json{{"median", quantile(values, 0.5) * unit},
                {"p10", quantile(values, 0.1) * unit},
                {"p90", quantile(values, 0.9) * unit},
                {"best", quantile(values, 0) * unit}};
  };
  Json results = Json::array();
  for (const Contest& contest : contests) {
    Json libraries = Json::array();
    for (std::size_t i = 0; i < contest.contestants.size(); ++i) {
      const Contestant& c = contest.contestants[i];
      Json library{{"library", c.name}, {"microseconds", summary(c.nanoseconds, 1e-3)}};
      if (i > 0) {
        library["ours_is_faster_by"] = summary(ratios(contest, i), 1);
        library["ours_is_faster_by"].erase("best");
      }
      libraries.push_back(std::move(library));
    }
    for (const Absent& absent : contest.absent) libraries.push_back({{"library", absent.name}, {"absent", absent.reason}});
    results.push_back({{"model", contest.model}, {"threads", contest.threads}, {"libraries", std::move(libraries)}});
  }
  const Json document{{"processor", circumstances.processor},
                      {"architecture", circumstances.architecture},
                      {"peers", circumstances.peers},
                      {"rounds", circumstances.timing.rounds},
                      {"slice_milliseconds", circumstances.timing.slice_milliseconds},
                      {"processor_time", circumstances.timing.processor_time},
                      {"results", std::move(results)}};
  std::ofstream file(path);
  file << document.dump(1) << '\n';
  return file.flush() ? "" : "cannot write " + path;
}

}  // namespace tfl::bench
