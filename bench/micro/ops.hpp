#pragma once
// The ops of the measured models for MicroInterpreter, with int8 kernels only.

#include "tfl/kernels/binary.hpp"
#include "tfl/kernels/conv_2d.hpp"
#include "tfl/kernels/depthwise_conv_2d.hpp"
#include "tfl/kernels/fully_connected.hpp"
#include "tfl/kernels/pool.hpp"
#include "tfl/kernels/reshape.hpp"
#include "tfl/kernels/softmax.hpp"
#include "tfl/runtime/registry.hpp"

template <class Op> using Int8 = tfl::CompactOnly<Op>;
using Ops = tfl::OpRegistry<Int8<tfl::Add>, Int8<tfl::AveragePool2D>, Int8<tfl::Conv2D>, Int8<tfl::DepthwiseConv2D>,
                            Int8<tfl::FullyConnected>, Int8<tfl::MaxPool2D>, tfl::Reshape, Int8<tfl::Softmax>>;
