public import Addresses
import EventLoop
import Synchronization

/// Where others see us, learnt from all that say so: for the ranks of connections (BEP 40), our name in the DHT
/// (BEP 42) and for people. Shared by all loops; asked for once a connection, not for each block.
final class ExternalAddresses: Sendable {
  private struct State {
    /// Peers, trackers and the router: two that agree are enough for what depends on it.
    var votes = AddressVotes(quorum: 2)
    /// What nodes of the DHT agree on.
    var nodes: [IPAddress] = []
  }

  /// The router has a voice of its own.
  private static let routersVoice: UInt64 = 1 << 62
  private let state = Mutex(State())

  /// A peer sees us there. True if we are believed to be elsewhere than before.
  func vote(_ address: IPAddress, from peer: IPAddress) -> Bool {
    state.withLock { $0.votes.vote(address, by: peer) }
  }

  /// A tracker sees us there.
  func vote(_ address: IPAddress, fromTracker host: Substring) -> Bool {
    var hasher = Hasher()
    hasher.combine(host)
    let voice = UInt64(UInt(bitPattern: hasher.finalize())) | 1 << 61
    return state.withLock { $0.votes.vote(address, voice: voice) }
  }

  /// The router says that it is there.
  func vote(fromRouter address: IPAddress) -> Bool {
    state.withLock { $0.votes.vote(address, voice: Self.routersVoice) }
  }

  /// Nodes of the DHT agree that we are there.
  func agreed(_ address: IPAddress) {
    state.withLock { state in
      state.nodes.removeAll { $0.isV4 == address.isV4 }
      state.nodes.append(address)
    }
  }

  /// Another network: what was said holds no more.
  func forget() { state.withLock { $0 = State() } }

  /// Our address of a family, as far as it is known: what many nodes say before what two others say.
  func address(isV4: Bool) -> IPAddress? {
    state.withLock { state in
      state.nodes.first { $0.isV4 == isV4 } ?? state.votes.winner(isV4: isV4)
    }
  }
}

extension Session {
  /// Our addresses as others see them: at most one of IPv4 and one of IPv6, once enough agree.
  public var externalAddresses: [IPAddress] {
    [true, false].compactMap { externals.address(isV4: $0) }
  }
}

extension LoopContext {
  /// A voice has changed where we are believed to be: a node of the DHT that knows nobody yet takes a name that
  /// belongs to it.
  func externalAddressChanged(isV4: Bool) {
    if let address = externals.address(isV4: isV4) { dht?.assume(address) }
  }
}
