// The bar chart: for every model the speed of each library, with XNNPACK's (or the first peer's) as 1.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <map>
#include <set>

#include "bench/compare/report.hpp"

namespace tfl::bench {

namespace {

constexpr double left = 210, right = 60, bar = 12, between_bars = 2, between_models = 12, top = 70, bottom = 34, width = 860;

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') out += "&lt;";
    if (c == '>') out += "&gt;";
    if (c == '&') out += "&amp;";
    if (c != '<' && c != '>' && c != '&') out += c;
  }
  return out;
}

std::string format(const char* pattern, double value) {
  char text[64];
  std::snprintf(text, sizeof text, pattern, value);
  return text;
}

std::string attribute(const char* name, double value) { return std::string(" ") + name + "=\"" + format("%.1f", value) + '"'; }

std::string label(double x, double y, const std::string& text, const char* anchor = "start", const char* style = "") {
  return "<text" + attribute("x", x) + attribute("y", y) + " text-anchor=\"" + anchor + "\" " + style + ">" + escaped(text) + "</text>\n";
}

std::string rectangle(double x, double y, double w, double h, const std::string& color) {
  return "<rect" + attribute("x", x) + attribute("y", y) + attribute("width", w) + attribute("height", h) + " rx=\"2\" fill=\"" + color +
         "\"/>\n";
}

double speed(const Contest& contest, std::size_t i, std::size_t unit) {
  return quantile(contest.contestants[unit].nanoseconds, 0.5) / quantile(contest.contestants[i].nanoseconds, 0.5);
}

}  // namespace

std::string write_picture(const std::string& path, const Circumstances& circumstances, const std::vector<Contest>& all) {
  // A model that only ours can run has nothing to be compared with.
  std::vector<const Contest*> contests;
  double fastest = 1, height = top + bottom;
  std::vector<std::string> libraries;
  for (const Contest& contest : all) {
    if (contest.contestants.size() < 2) continue;
    contests.push_back(&contest);
    for (std::size_t i = 0; i < contest.contestants.size(); ++i) {
      fastest = std::max(fastest, speed(contest, i, 1));
      const std::string& name = contest.contestants[i].name;
      if (std::find(libraries.begin(), libraries.end(), name) == libraries.end()) libraries.push_back(name);
    }
    height += static_cast<double>(contest.contestants.size()) * (bar + between_bars) + between_models;
  }
  if (contests.empty()) return "there is nothing to draw: no model was run by two libraries";

  const char* const palette[] = {"#1b6ca8", "#e08e45", "#8a9a5b", "#9b6b9e", "#777777"};
  std::map<std::string, std::string> colors;
  for (std::size_t i = 0; i < libraries.size(); ++i) colors[libraries[i]] = palette[std::min<std::size_t>(i, 4)];

  const double scale = (width - left - right) / fastest;
  std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + format("%.0f", width) + " " + format("%.0f", height) +
                    "\" font-family=\"sans-serif\" font-size=\"11\" fill=\"#222\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n";
  svg += label(16, 22, "Speed beside " + contests[0]->contestants[1].name + " (longer is faster)", "start",
               "font-size=\"15\" font-weight=\"bold\"");
  svg += label(16, 40, circumstances.processor + "; ours: " + circumstances.architecture);
  double at = 16;
  for (const std::string& library : libraries) {
    svg += rectangle(at, 50, 10, 10, colors[library]) + label(at + 14, 59, library);
    at += 34 + 6.5 * static_cast<double>(library.size());
  }

  double y = top;
  for (const Contest* contest : contests) {
    const double first = y;
    for (std::size_t i = 0; i < contest->contestants.size(); ++i) {
      const double value = speed(*contest, i, 1);
      svg += rectangle(left, y, value * scale, bar, colors[contest->contestants[i].name]);
      svg += label(left + value * scale + 4, y + bar - 2, format("%.2f", value));
      y += bar + between_bars;
    }
    const std::string threads = contest->threads == 1 ? "1 thread" : std::to_string(contest->threads) + " threads";
    svg += label(left - 8, (first + y) / 2 - 1, contest->model, "end", "font-weight=\"bold\"");
    svg += label(left - 8, (first + y) / 2 + 11, threads, "end", "fill=\"#666\"");
    y += between_models;
  }
  const double one = left + scale;
  svg += "<line" + attribute("x1", one) + attribute("x2", one) + attribute("y1", top - 4) + attribute("y2", y - between_models) +
         " stroke=\"#222\" stroke-dasharray=\"3 3\"/>\n" + label(one, y + 6, "1", "middle") + "</svg>\n";
  std::ofstream file(path);
  file << svg;
  return file.flush() ? "" : "cannot write " + path;
}

}  // namespace tfl::bench
