import Digest
import Encryption
import EventLoop
import Synchronization

/// Which torrent an info-hash belongs to and on which loop it lives. Shared by all loops, behind a lock
/// that is taken once per incoming connection.
final class TorrentRegistry: Sendable {
  private let torrents = Mutex<[InfoHash: Confined<TorrentSeat>]>([:])
  /// Names under which encrypted connections ask for torrents. Made when the first of them comes.
  private let obfuscated = Mutex<[SHA1Digest: InfoHash]?>(nil)

  /// Enters a torrent under all its hashes; false if one is taken.
  func insert(_ torrent: Confined<TorrentSeat>, under hashes: [InfoHash]) -> Bool {
    let isNew = torrents.withLock { torrents in
      guard hashes.allSatisfy({ torrents[$0] == nil }) else { return false }
      for hash in hashes { torrents[hash] = torrent }
      return true
    }
    if isNew {
      obfuscated.withLock { names in
        for hash in hashes where names != nil { names?[MSEResponder.obfuscated(hash)] = hash }
      }
    }
    return isNew
  }

  /// The info-hash that an encrypted connection asks for. The first call looks at all torrents.
  func find(obfuscated name: SHA1Digest) -> InfoHash? {
    obfuscated.withLock { names in
      if let names { return names[name] }
      let all = torrents.withLock { Array($0.keys) }
      let made = Dictionary(all.map { (MSEResponder.obfuscated($0), $0) }) { first, _ in first }
      names = made
      return made[name]
    }
  }

  /// Forgets the hashes of a torrent.
  func remove(_ hashes: [InfoHash]) {
    torrents.withLock { torrents in
      for hash in hashes { torrents[hash] = nil }
    }
    obfuscated.withLock { names in
      for hash in hashes where names != nil { names?[MSEResponder.obfuscated(hash)] = nil }
    }
  }

  /// Forgets all; whom it knew. One with two hashes is there twice.
  func removeAll() -> [Confined<TorrentSeat>] {
    obfuscated.withLock { $0 = nil }
    return torrents.withLock { torrents in
      let all = Array(torrents.values)
      torrents = [:]
      return all
    }
  }

  /// All. One with two hashes is there twice.
  var seats: [Confined<TorrentSeat>] { torrents.withLock { Array($0.values) } }

  /// The torrent that a hash names.
  func find(_ hash: InfoHash) -> Confined<TorrentSeat>? {
    torrents.withLock { $0[hash] }
  }
}
