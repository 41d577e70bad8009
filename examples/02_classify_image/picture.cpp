#include "picture.hpp"

#define STB_IMAGE_IMPLEMENTATION
#include <stb_image.h>

Picture::Picture(const char* path) {
  pixels_ = stbi_load(path, &width_, &height_, &channels_, 0);
  if (pixels_ != nullptr && channels_ == 2) {  // grey and alpha: the alpha goes
    stbi_image_free(pixels_);
    pixels_ = stbi_load(path, &width_, &height_, &channels_, 1);
    channels_ = 1;
  }
}
Picture::~Picture() { stbi_image_free(pixels_); }
const char* Picture::why_not() const { return stbi_failure_reason(); }
