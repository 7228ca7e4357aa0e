import Addresses
public import Blocklist
import EventLoop
import Synchronization

/// Addresses that the session has nothing to do with: the blocklist, which may be replaced at any time. Shared by
/// all loops.
///
/// Asked once a connection and once an address that somebody names; for datagrams see `DatagramPort`.
final class AddressFilter: Sendable {
  private let list: Mutex<Blocklist>
  /// Whether anybody is blocked at all: so that who has no list pays nothing.
  private let isActive: Atomic<Bool>
  private let refusals = Atomic(0)

  init(_ list: Blocklist) {
    isActive = Atomic(!list.isEmpty)
    self.list = Mutex(list)
  }

  /// Replaces the list.
  func set(_ list: Blocklist) {
    self.list.withLock { $0 = list }
    isActive.store(!list.isEmpty, ordering: .relaxed)
  }

  /// Whether there is anybody to be blocked.
  var isEmpty: Bool { !isActive.load(ordering: .relaxed) }

  /// Whether an address is blocked. At most a few hundred nanoseconds.
  func blocks(_ address: IPAddress) -> Bool {
    guard isActive.load(ordering: .relaxed), list.withLock({ $0.contains(address) }) else { return false }
    refusals.add(1, ordering: .relaxed)
    return true
  }

  /// How often somebody was refused.
  var refusalCount: Int { refusals.load(ordering: .relaxed) }
}

extension Session {
  /// Replaces the blocklist, from now on: who is connected and on the new list is closed, who was left alone and
  /// is not on it any more may be met again.
  public func set(blocklist: Blocklist) async {
    filter.set(blocklist)
    await loops[0].loop.perform { loop in
      for port in ports { port.value(on: loop).filterChanged() }
    }
    for context in loops {
      await context.loop.perform { loop in
        for relay in context.value(on: loop).relays { relay.port.filterChanged() }
      }
    }
    await forEachSeat { seat, loop in seat.filterChanged(on: loop) }
  }

  /// How often an address was refused because it is on the blocklist: connections, datagrams, and addresses that
  /// others named.
  public var blockedCount: Int { filter.refusalCount }
}

extension Session {
  /// Runs `body` for every torrent, on its loop; twice for one that has two hashes.
  func forEachSeat(_ body: @escaping @Sendable (TorrentSeat, isolated Loop) -> Void) async {
    let seats = registry.seats
    for context in loops {
      let mine = seats.filter { $0.loop === context.loop }
      await context.loop.perform { loop in
        for seat in mine { body(seat.value(on: loop), loop) }
      }
    }
  }
}

extension TorrentSeat {
  /// The blocklist is another one.
  func filterChanged(on loop: isolated Loop) {
    past?.book.dropBlocked()
    if let torrent {
      torrent.book.dropBlocked()
      for case let peer? in torrent.peers where peer.web == nil && context.filter.blocks(peer.remote.address)
      {
        peer.close(.blocked, on: loop)
      }
      // Others are heard of again; whom a person has named is not.
      torrent.learn(source.options.peers, from: .user, on: loop)
    }
    guard let swarm = fetch?.swarm else { return }
    swarm.book.dropBlocked()
    for peer in Array(swarm.peers.values) where context.filter.blocks(peer.remote.address) {
      peer.close(.blocked, on: loop)
    }
    swarm.learn(source.options.peers, from: .user, isV2Only: false, on: loop)
  }
}
