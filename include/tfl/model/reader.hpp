#pragma once
// From a verified file to the flat graph.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include "tfl/core/memory.hpp"
#include "tfl/core/status.hpp"
#include "tfl/model/graph.hpp"
#include "tfl/model/schema.hpp"
#include "tfl/model/sparse.hpp"
#include "tfl/model/verifier.hpp"

namespace tfl {

/// Owns the tables of all subgraphs; names, data and index lists stay in the file.
struct Graph {
  Array<GraphTensor> tensors;
  Array<GraphNode> nodes;
  Array<GraphSubgraph> subgraphs;
  Array<std::byte> realigned;  // constants that the file keeps where their type must not lie
  Array<std::byte> filled;     // sparse constants with all their elements
  Array<std::int32_t> lists;   // of tensors, where the file's leave some out

  /// Requires a file that Verifier passed. Fails where nodes read each other in a cycle, or memory lacks.
  Result<void> read(std::span<const std::byte> file, const schema::Model& model, Allocator allocator) {
    std::size_t tensor_count = 0, node_count = 0;
    LeftOut left_out;
    for (const schema::SubGraph* subgraph : *model.subgraphs()) {
      tensor_count += detail::size_of(subgraph->tensors());
      node_count += detail::size_of(subgraph->operators());
      if (!left_out.count(*subgraph, allocator)) return out_of_memory();
    }
    tensor_count += left_out.tensors;
    if (!lists.allocate(allocator, left_out.entries)) return out_of_memory();
    std::size_t next_list = 0;
    if (!tensors.allocate(allocator, tensor_count) || !nodes.allocate(allocator, node_count) ||
        !subgraphs.allocate(allocator, model.subgraphs()->size())) {
      return Error(ErrorCode::out_of_memory, "model: no memory for the tables of ")
             << tensor_count << " tensors and " << node_count << " nodes";
    }
    std::size_t first_tensor = 0, first_node = 0;
    for (unsigned s = 0; s < model.subgraphs()->size(); ++s) {
      const schema::SubGraph& source = *model.subgraphs()->Get(s);
      LeftOut own_left_out;
      if (!own_left_out.count(source, allocator)) return out_of_memory();
      const std::size_t in_file = detail::size_of(source.tensors());
      const std::span<GraphTensor> own_tensors = tensors.span().subspan(first_tensor, in_file + own_left_out.tensors);
      const std::span<GraphNode> own_nodes = nodes.span().subspan(first_node, detail::size_of(source.operators()));
      for (unsigned i = 0; i < in_file; ++i) own_tensors[i] = tensor(file, model, *source.tensors()->Get(i));
      for (unsigned i = 0; i < own_nodes.size(); ++i) own_nodes[i] = node(model, *source.operators()->Get(i), static_cast<int>(i));
      std::size_t next_tensor = in_file;
      for (unsigned i = 0; i < own_nodes.size(); ++i) {
        own_nodes[i].outputs = complete(
            own_nodes[i].outputs, [](std::int32_t t) { return t < 0; }, next_tensor, next_list);
      }
      const auto inputs = complete(
          indices(source.inputs()), [&](std::int32_t t) { return own_left_out.as_input(t); }, next_tensor, next_list);
      subgraphs[s] = {detail::text_of(source.name()), own_tensors, own_nodes, inputs, indices(source.outputs())};
      if (auto r = mark_empty_constants(static_cast<int>(s), own_tensors, subgraphs[s], allocator); !r) return r;
      if (auto r = order(static_cast<int>(s), own_nodes, allocator); !r) return r;
      first_tensor += own_tensors.size();
      first_node += own_nodes.size();
    }
    if (auto r = fill_sparse(allocator); !r) return r;
    if (auto r = realign(file.size(), allocator); !r) return r;
    for (unsigned s = 0; s < model.subgraphs()->size(); ++s) find_block_scales(*model.subgraphs()->Get(s), subgraphs[s]);
    return {};
  }

 private:
  /// Control flow may leave out inputs of a subgraph and outputs of a node. A handle that is an input and written by a node is no input
  /// either. In the graph each of them is a tensor of its own, without a type, so that every index is one.
  struct LeftOut {
    std::size_t tensors = 0, entries = 0;  // entries of the lists that leave something out
    Array<bool> written;

    [[nodiscard]] bool count(const schema::SubGraph& subgraph, Allocator allocator) {
      if (!written.allocate(allocator, detail::size_of(subgraph.tensors()))) return false;
      for (unsigned n = 0; n < detail::size_of(subgraph.operators()); ++n) {
        const std::span<const std::int32_t> outputs = indices(subgraph.operators()->Get(n)->outputs());
        add(outputs, [](std::int32_t t) { return t < 0; });
        for (const std::int32_t t : outputs) {
          if (t >= 0) written[static_cast<std::size_t>(t)] = true;
        }
      }
      add(indices(subgraph.inputs()), [this](std::int32_t t) { return as_input(t); });
      return true;
    }
    bool as_input(std::int32_t t) const { return t < 0 || written[static_cast<std::size_t>(t)]; }

   private:
    template <class IsLeftOut> void add(std::span<const std::int32_t> list, IsLeftOut is_left_out) {
      std::size_t some = 0;
      for (const std::int32_t t : list) some += is_left_out(t) ? 1 : 0;
      tensors += some;
      entries += some != 0 ? list.size() : 0;
    }
  };

  template <class IsLeftOut>
  std::span<const std::int32_t> complete(std::span<const std::int32_t> list, IsLeftOut is_left_out, std::size_t& next_tensor,
                                         std::size_t& next_list) {
    bool some = false;
    for (const std::int32_t t : list) some = some || is_left_out(t);
    if (!some) return list;
    const std::span<std::int32_t> own = lists.span().subspan(next_list, list.size());
    next_list += list.size();
    for (std::size_t k = 0; k < list.size(); ++k) own[k] = is_left_out(list[k]) ? static_cast<std::int32_t>(next_tensor++) : list[k];
    return own;
  }

  static std::span<const std::int32_t> indices(const flatbuffers::Vector<std::int32_t>* list) {
    if (list == nullptr) return {};
    return {list->data(), list->size()};
  }

  static GraphTensor tensor(std::span<const std::byte> file, const schema::Model& model, const schema::Tensor& source) {
    GraphTensor result;
    result.name = detail::text_of(source.name());
    result.sparsity = source.sparsity();
    TensorDescription& d = result.description;
    d.type = static_cast<TensorType>(source.type());
    d.shape = Shape::from(indices(source.shape()));
    result.signature_shape = detail::size_of(source.shape_signature()) != 0 ? Shape::from(indices(source.shape_signature())) : d.shape;
    d.is_variable = source.is_variable();
    result.data = Verifier::buffer_bytes(file, model, source.buffer());
    d.is_constant = !result.data.empty();
    if (d.type == TensorType::string) d.string_bytes = static_cast<std::int64_t>(result.data.size());
    const schema::QuantizationParameters* q = source.quantization();
    if (q != nullptr && detail::size_of(q->scale()) > 0) {
      d.quantization.scale = q->scale()->Get(0);
      d.quantization.zero_point = static_cast<std::int32_t>(q->zero_point()->Get(0));
      d.quantization.channel_scales = {q->scale()->data(), q->scale()->size()};
      d.quantization.channel_zero_points = {q->zero_point()->data(), q->zero_point()->size()};
      d.quantization.axis = q->quantized_dimension();
    }
    return result;
  }

  static GraphNode node(const schema::Model& model, const schema::Operator& source, int file_index) {
    const schema::OperatorCode& code = *model.operator_codes()->Get(source.opcode_index());
    return {static_cast<BuiltinOperator>(operator_code(code)),
            detail::text_of(code.custom_code()),
            code.version(),
            indices(source.inputs()),
            indices(source.outputs()),
            indices(source.intermediates()),
            &source,
            file_index};
  }

  /// A tensor without elements needs no data: where neither a node nor the caller writes it, it is a constant. Any other tensor that
  /// is read but never written is an error.
  static Result<void> mark_empty_constants(int index, std::span<GraphTensor> own, const GraphSubgraph& subgraph, Allocator allocator) {
    Array<bool> written;
    if (!written.allocate(allocator, own.size())) return out_of_memory();
    for (const std::int32_t t : subgraph.inputs) written[static_cast<std::size_t>(t)] = true;
    for (const GraphNode& n : subgraph.nodes) {
      for (const std::int32_t t : n.outputs) written[static_cast<std::size_t>(t)] = true;
    }
    for (std::size_t i = 0; i < own.size(); ++i) {
      TensorDescription& d = own[i].description;
      if (!written[i] && !d.is_variable && d.count() == 0) d.is_constant = true;
    }
    const auto readable = [&](std::int32_t t) {
      if (t < 0) return true;
      const auto i = static_cast<std::size_t>(t);
      const TensorDescription& d = own[i].description;
      return written[i] || d.is_constant || d.is_variable || bits_of(d.type) == 0;
    };
    const auto unwritten = [&](Error error, std::int32_t t) {
      error << "is tensor " << t << ' ';
      detail::print_name(error, own[static_cast<std::size_t>(t)].name);
      return error << ", which has no data and which nobody writes";
    };
    for (const GraphNode& n : subgraph.nodes) {
      for (std::size_t k = 0; k < n.inputs.size(); ++k) {
        if (!readable(n.inputs[k])) return unwritten(at_node(index, n, n.inputs[k]) << "input " << k << ' ', n.inputs[k]);
      }
    }
    for (std::size_t k = 0; k < subgraph.outputs.size(); ++k) {
      const std::int32_t t = subgraph.outputs[k];
      if (readable(t)) continue;
      Error error(ErrorCode::invalid_model, "model: subgraph ");
      return unwritten(error.at(index, -1, t) << index << ": output " << k << ' ', t);
    }
    return {};
  }

  /// Puts the nodes in an order in which tensors are written before they are read; keeps the file's order where it is one.
  static Result<void> order(int subgraph, std::span<GraphNode> own, Allocator allocator) {
    std::int32_t highest = -1;
    for (const GraphNode& n : own) {
      for (const std::int32_t t : n.outputs) highest = t > highest ? t : highest;
    }
    Array<bool> waiting;  // tensors that a node will still write
    Array<GraphNode> source;
    if (!waiting.allocate(allocator, static_cast<std::size_t>(highest + 1))) return out_of_memory();
    for (const GraphNode& n : own) {
      for (const std::int32_t t : n.outputs) waiting[static_cast<std::size_t>(t)] = true;
    }
    const auto ready = [&](const GraphNode& n) {
      for (const std::int32_t t : n.inputs) {
        if (t >= 0 && t <= highest && waiting[static_cast<std::size_t>(t)]) return false;
      }
      return true;
    };
    const auto write = [&](const GraphNode& n) {
      for (const std::int32_t t : n.outputs) waiting[static_cast<std::size_t>(t)] = false;
    };
    std::size_t done = 0;
    while (done < own.size() && ready(own[done])) write(own[done++]);
    if (done == own.size()) return {};

    // Rare. As if the nodes were swept over until all are placed, each sweep taking what is ready: a node's sweep is that of its last
    // writer, or the next one where that writer stands behind it. Found in one walk along the edges, as files can ask for many sweeps.
    struct Edge {
      std::int32_t reader = 0, next = -1;
    };
    struct Place {
      std::int32_t missing = 0, sweep = 0, first_edge = -1;
      bool placed = false;
    };
    std::size_t operands = 0;
    for (const GraphNode& n : own) operands += n.inputs.size();
    Array<std::int32_t> writer, queue;
    Array<Edge> edges;
    Array<Place> places;
    if (!source.allocate(allocator, own.size()) || !places.allocate(allocator, own.size()) || !queue.allocate(allocator, own.size()) ||
        !edges.allocate(allocator, operands) || !writer.allocate(allocator, static_cast<std::size_t>(highest + 1))) {
      return out_of_memory();
    }
    for (std::size_t i = 0; i < own.size(); ++i) {
      source[i] = own[i];
      for (const std::int32_t t : own[i].outputs) writer[static_cast<std::size_t>(t)] = static_cast<std::int32_t>(i) + 1;
    }
    const auto writer_of = [&](std::int32_t t) { return t >= 0 && t <= highest ? writer[static_cast<std::size_t>(t)] - 1 : -1; };
    std::size_t next_edge = 0, last = 0;
    for (std::size_t i = 0; i < source.size(); ++i) {
      for (const std::int32_t t : source[i].inputs) {
        if (writer_of(t) < 0) continue;
        Place& from = places[static_cast<std::size_t>(writer_of(t))];
        edges[next_edge] = {static_cast<std::int32_t>(i), from.first_edge};
        from.first_edge = static_cast<std::int32_t>(next_edge++);
        ++places[i].missing;
      }
      if (places[i].missing == 0) queue[last++] = static_cast<std::int32_t>(i);
    }
    for (std::size_t at = 0; at < last; ++at) {
      const std::int32_t i = queue[at];
      Place& from = places[static_cast<std::size_t>(i)];
      from.placed = true;
      for (std::int32_t e = from.first_edge; e >= 0; e = edges[static_cast<std::size_t>(e)].next) {
        const std::int32_t reader = edges[static_cast<std::size_t>(e)].reader;
        Place& to = places[static_cast<std::size_t>(reader)];
        const std::int32_t sweep = from.sweep + (i > reader ? 1 : 0);
        if (to.sweep < sweep) to.sweep = sweep;
        if (--to.missing == 0) queue[last++] = reader;
      }
    }
    if (last == own.size()) {  // as the sweeps follow one another, each in the file's order
      Array<std::int32_t> starts;
      if (!starts.allocate(allocator, own.size() + 1)) return out_of_memory();
      for (const Place& p : places) ++starts[static_cast<std::size_t>(p.sweep) + 1];
      for (std::size_t i = 0; i < own.size(); ++i) starts[i + 1] += starts[i];
      for (std::size_t i = 0; i < own.size(); ++i)
        own[static_cast<std::size_t>(starts[static_cast<std::size_t>(places[i].sweep)]++)] = source[i];
      return {};
    }
    std::size_t stuck = done, k = 0;
    while (places[stuck].placed) ++stuck;
    const GraphNode& n = source[stuck];
    while (writer_of(n.inputs[k]) < 0 || places[static_cast<std::size_t>(writer_of(n.inputs[k]))].placed) ++k;
    return at_node(subgraph, n, n.inputs[k]) << "input " << k << " is tensor " << n.inputs[k]
                                             << ", which no order of the nodes writes in time: the graph has a cycle";
  }

  /// "model: subgraph 0: node 5 CONV_2D: "
  static Error at_node(int subgraph, const GraphNode& n, std::int32_t tensor) {
    Error error(ErrorCode::invalid_model, "model: subgraph ");
    error.at(subgraph, n.file_index, tensor) << subgraph << ": node " << n.file_index << ' ';
    detail::print_plain(error, n.name());
    return error << ": ";
  }

  /// Scales of blocks lie in tensors of their own.
  void find_block_scales(const schema::SubGraph& source, const GraphSubgraph& subgraph) {
    GraphTensor* const own = tensors.data() + (subgraph.tensors.data() - tensors.data());
    for (unsigned i = 0; i < detail::size_of(source.tensors()); ++i) {
      const schema::QuantizationParameters* q = source.tensors()->Get(i)->quantization();
      const schema::BlockwiseQuantization* blocks = q != nullptr ? q->details_as_BlockwiseQuantization() : nullptr;
      if (blocks == nullptr) continue;
      const std::span<const std::byte> data = own[blocks->scales()].data;
      Quantization& quantization = own[i].description.quantization;
      quantization.block_scales = {reinterpret_cast<const Float16*>(data.data()), data.size() / sizeof(Float16)};
      quantization.block_size = blocks->block_size();
    }
  }

  /// How many runs of 16 bytes, cut from the start of each row, hold more than zeros.
  static std::int32_t runs_of_rows(std::span<const std::byte> matrix, std::size_t row_bytes) {
    std::int64_t count = 0;
    for (std::size_t row = 0; row < matrix.size(); row += row_bytes) {
      for (std::size_t at = row; at < row + row_bytes; at += 16) {
        const std::size_t length = row + row_bytes - at < 16 ? row + row_bytes - at : 16;
        bool any = false;
        for (const std::byte b : matrix.subspan(at, length)) any = any || b != std::byte{0};
        count += any ? 1 : 0;
      }
    }
    return static_cast<std::int32_t>(count);
  }

  /// Kernels read all of a constant's elements, where the file leaves out those that are 0.
  Result<void> fill_sparse(Allocator allocator) {
    const auto is_sparse = [](const GraphTensor& t) { return t.sparsity != nullptr && !t.data.empty(); };
    std::size_t bytes = 0;
    for (const GraphTensor& t : tensors) {
      if (is_sparse(t)) bytes += align_up(static_cast<std::size_t>(t.description.bytes()), arena_alignment);
    }
    if (bytes == 0) return {};
    if (!filled.allocate(allocator, bytes)) return out_of_memory();
    std::memset(filled.data(), 0, bytes);
    std::size_t offset = 0;
    for (GraphTensor& t : tensors) {
      if (!is_sparse(t)) continue;
      detail::SparseLayout layout;
      (void)layout.read(*t.sparsity, t.description.shape);  // the verifier has
      const auto size = static_cast<std::size_t>(bits_of(t.description.type) / 8);
      const std::byte* from = t.data.data();
      std::byte* to = filled.data() + offset;
      layout.for_each([&](std::int64_t at) {
        std::memcpy(to + static_cast<std::size_t>(at) * size, from, size);
        from += size;
      });
      t.data = {to, static_cast<std::size_t>(t.description.bytes())};
      t.description.is_sparse = true;
      t.description.sparse_runs =
          runs_of_rows({to, static_cast<std::size_t>(t.description.bytes())}, static_cast<std::size_t>(t.description.shape.last()) * size);
      offset += align_up(t.data.size(), arena_alignment);
    }
    return {};
  }

  /// Kernels read constants where they lie in the file, unless their address doesn't suit their type.
  Result<void> realign(std::size_t file_bytes, Allocator allocator) {
    const auto misplaced = [](const GraphTensor& t) {
      const auto size = static_cast<std::size_t>(bits_of(t.description.type) / 8);
      const std::size_t alignment = size > 8 ? 8 : size;
      return !t.data.empty() && alignment > 1 && reinterpret_cast<std::uintptr_t>(t.data.data()) % alignment != 0;
    };
    std::size_t bytes = 0;
    for (const GraphTensor& t : tensors) {
      if (misplaced(t)) bytes += align_up(t.data.size(), arena_alignment);
    }
    if (bytes == 0) return {};
    // Tensors may share their data, but none of these copies.
    if (bytes / 16 > file_bytes + (1 << 20)) {
      return Error(ErrorCode::invalid_model,
                   "model: the file has constants where their types cannot lie, in so many tensors that they take ")
             << bytes << " bytes elsewhere";
    }
    if (!realigned.allocate(allocator, bytes)) return out_of_memory();
    std::size_t offset = 0;
    for (GraphTensor& t : tensors) {
      if (!misplaced(t)) continue;
      std::memcpy(realigned.data() + offset, t.data.data(), t.data.size());
      t.data = {realigned.data() + offset, t.data.size()};
      offset += align_up(t.data.size(), arena_alignment);
    }
    return {};
  }

  static Error out_of_memory() { return Error(ErrorCode::out_of_memory, "model: no memory for the graph's tables"); }
};

}  // namespace tfl
