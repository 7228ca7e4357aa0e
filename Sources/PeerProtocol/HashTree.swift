import Digest

/// The layers of a Merkle tree from some layer up to a root, without the padding (BEP 52).
struct HashTree: Sendable {
  /// The lowest layer held here, counted from the leaves of the file's tree.
  let base: Int
  /// `layers[0]` is the base layer; padding nodes are left out.
  private let layers: [[SHA256Digest]]

  /// Hashes `nodes` of layer `base` up to layer `top`. O(nodes).
  init(_ nodes: [SHA256Digest], base: Int, top: Int, hasher: borrowing SHA256) {
    var layers = [nodes]
    for layer in base..<top {
      let below = layers[layers.count - 1]
      layers.append(Self.parents(of: below[...], layer: layer, hasher: hasher))
    }
    self.base = base
    self.layers = layers
  }

  /// The node over all others.
  var root: SHA256Digest {
    layers[layers.count - 1].first ?? MerkleTree.padding(level: base + layers.count - 1)
  }

  /// Digests held.
  var count: Int { layers.reduce(0) { $0 + $1.count } }

  /// The node at `index` of a layer between the base and the top; padding where there is none.
  func node(layer: Int, index: Int) -> SHA256Digest {
    let nodes = layers[layer - base]
    return index < nodes.count ? nodes[index] : MerkleTree.padding(level: layer)
  }

  private static func parents(
    of nodes: ArraySlice<SHA256Digest>, layer: Int, hasher: borrowing SHA256
  ) -> [SHA256Digest] {
    var parents: [SHA256Digest] = []
    parents.reserveCapacity((nodes.count + 1) / 2)
    var index = nodes.startIndex
    while index < nodes.endIndex {
      let right = index + 1 < nodes.endIndex ? nodes[index + 1] : MerkleTree.padding(level: layer)
      parents.append(hasher.parent(nodes[index], right))
      index += 2
    }
    return parents
  }
}
