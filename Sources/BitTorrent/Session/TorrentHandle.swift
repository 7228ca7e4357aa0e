public import Addresses
public import Digest
import EventLoop
import Metainfo

/// A torrent of a session, from outside. Cheap to copy; outlives the torrent without harm.
public struct TorrentHandle: Sendable {
  /// What the torrent is found by.
  public let infoHash: InfoHash
  let torrent: Confined<Torrent>

  /// The torrent at this moment. About 10 µs, and the loop's time for a list of peers.
  public func status() async -> TorrentStatus {
    await torrent.loop.perform { loop in torrent.value(on: loop).status(on: loop) }
  }

  /// Goes on after a fault; nothing happens if it has not stopped.
  public func retry() async {
    await torrent.loop.perform { loop in torrent.value(on: loop).retry(on: loop) }
  }

  /// Changes the torrent's own limits, from now on; those of the session hold beside them.
  public func set(limits: RateLimits) async {
    await torrent.loop.perform { loop in torrent.value(on: loop).set(limits: limits, on: loop) }
  }

  /// Tells the torrent of peers.
  public func add(peers: [Endpoint]) async {
    await torrent.loop.perform { loop in torrent.value(on: loop).learn(peers, from: .user, on: loop) }
  }

  func hashes() async -> [InfoHash] {
    await torrent.loop.perform { loop in torrent.value(on: loop).info.infoHashes }
  }

  func stop(within seconds: Double) async {
    await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
      torrent.loop.post { loop in
        torrent.value(on: loop).stop(within: seconds, on: loop) { _ in done.resume() }
      }
    }
  }
}
