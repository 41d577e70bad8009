#pragma once
// A picture from a file (stb_image: BMP, PNG, JPEG, PGM and more).

#include "tfl/support/image.hpp"

class Picture {
 public:
  explicit Picture(const char* path);
  Picture(const Picture&) = delete;
  Picture& operator=(const Picture&) = delete;
  ~Picture();

  explicit operator bool() const { return pixels_ != nullptr; }
  const char* why_not() const;
  tfl::ImageView view() const { return {pixels_, height_, width_, channels_}; }

 private:
  unsigned char* pixels_ = nullptr;
  int height_ = 0, width_ = 0, channels_ = 0;
};
