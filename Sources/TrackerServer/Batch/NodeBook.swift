import Addresses
import Digest
internal import Synchronization

/// Which torrents nodes have announced in batches, so that one short request renews or ends all of them (X6 of
/// docs/EXTENSIONS.md).
///
/// Soft state and bounded: a node that finds no room is not remembered and lists its torrents each time. A node is
/// an address with a port; what it wants done later it proves by the key of its first batch. Sans-I/O, safe for many
/// threads.
final class NodeBook: Sendable {
  /// Bounds; times in seconds.
  struct Limits: Sendable {
    /// Torrents of all nodes; some 48 bytes each.
    var entries = 1_000_000
    /// After a node's last word, until it is forgotten.
    var lifetime: UInt32 = 2760
  }

  private struct Node {
    var key: UInt32?
    /// By torrent: whether it is a seed there.
    var torrents: [InfoHash: Bool] = [:]
    var heard: UInt32
  }

  private struct State {
    var nodes: [Endpoint: Node] = [:]
    var entries = 0
  }

  let limits: Limits
  private let state = Mutex(State())

  init(limits: Limits = Limits()) { self.limits = limits }

  /// Torrents of all nodes that are remembered.
  var entries: Int { state.withLock { $0.entries } }

  /// What a node has announced before; `nil` if it is not known, or has another key.
  func torrents(of node: Endpoint, key: UInt32?) -> [InfoHash: Bool]? {
    state.withLock { state in
      guard let known = state.nodes[node], known.key == key else { return nil }
      return known.torrents
    }
  }

  /// Notes that a node joined or renewed some torrents and left others; with `isWhole` these are all that it has.
  /// Returns how many of it are remembered now: none if there is no room, or if the node is somebody else's.
  func take(
    _ node: Endpoint, key: UInt32?, joined: [InfoHash: Bool], left: [InfoHash], isWhole: Bool, now: UInt32
  ) -> Int {
    state.withLock { state in
      var entry = state.nodes[node] ?? Node(key: key, heard: now)
      // Whoever had the address before may have gone without a word: the newcomer begins anew.
      if entry.key != key { entry = Node(key: key, heard: now) }
      if isWhole { entry.torrents = [:] }
      entry.heard = now
      entry.torrents.merge(joined) { _, new in new }
      for hash in left { entry.torrents[hash] = nil }
      state.entries -= state.nodes[node]?.torrents.count ?? 0
      guard !entry.torrents.isEmpty, state.entries + entry.torrents.count <= limits.entries else {
        state.nodes[node] = nil
        return 0
      }
      state.entries += entry.torrents.count
      state.nodes[node] = entry
      return entry.torrents.count
    }
  }

  /// Forgets nodes that have not been heard of for a lifetime. O(nodes).
  func sweep(now: UInt32) {
    state.withLock { state in
      for (endpoint, node) in state.nodes where now &- node.heard > limits.lifetime {
        state.entries -= node.torrents.count
        state.nodes[endpoint] = nil
      }
    }
  }
}
