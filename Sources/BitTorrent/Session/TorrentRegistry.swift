import Digest
import EventLoop
import Synchronization

/// Which torrent an info-hash belongs to and on which loop it lives. Shared by all loops, behind a lock
/// that is taken once per incoming connection.
final class TorrentRegistry: Sendable {
  private let torrents = Mutex<[InfoHash: Confined<TorrentSeat>]>([:])

  /// Enters a torrent under all its hashes; false if one is taken.
  func insert(_ torrent: Confined<TorrentSeat>, under hashes: [InfoHash]) -> Bool {
    torrents.withLock { torrents in
      guard hashes.allSatisfy({ torrents[$0] == nil }) else { return false }
      for hash in hashes { torrents[hash] = torrent }
      return true
    }
  }

  /// Forgets the hashes of a torrent.
  func remove(_ hashes: [InfoHash]) {
    torrents.withLock { torrents in
      for hash in hashes { torrents[hash] = nil }
    }
  }

  /// Forgets all; whom it knew. One with two hashes is there twice.
  func removeAll() -> [Confined<TorrentSeat>] {
    torrents.withLock { torrents in
      let all = Array(torrents.values)
      torrents = [:]
      return all
    }
  }

  /// The torrent that a hash names.
  func find(_ hash: InfoHash) -> Confined<TorrentSeat>? {
    torrents.withLock { $0[hash] }
  }
}
