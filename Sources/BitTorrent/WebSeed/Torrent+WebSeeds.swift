import Addresses
import Bytes
import EventLoop
import Metainfo
import PeerProtocol

// Which web seeds are in use, and what they are asked for.
extension Torrent {
  /// Web seeds that a torrent may name; those beyond are ignored.
  private static let maximumWebSeeds = 64
  /// Blocks that a web seed is asked for at most.
  private static let deepest = 1024

  /// Makes the web seeds of the torrent, and begins to use them.
  func startWebSeeds(_ urls: [String], on loop: isolated Loop) {
    guard context.configuration.webSeeds.isEnabled else { return }
    if webSeeds.isEmpty {
      for case let url? in urls.map(WebSeedURL.init) where webSeeds.count < Self.maximumWebSeeds {
        guard !webSeeds.contains(where: { $0.url == url }) else { continue }
        nextSerial += 1
        webSeeds.append(WebSeed(self, url, serial: nextSerial))
      }
    }
    useWebSeeds(on: loop)
  }

  /// Uses as many as may be used at a time; called with time.
  func useWebSeeds(on loop: isolated Loop) {
    guard !webSeeds.isEmpty, state == .downloading, !isStopping, !picker.missing.isEmpty, context.isReachable
    else { return }
    var active = webSeeds.count { $0.peer != nil }
    for seed in webSeeds where seed.isReady(now: loop.now) {
      guard active < context.configuration.webSeeds.maximumActive, context.connections.take() else { return }
      active += 1
      use(seed, on: loop)
    }
  }

  /// A peer that has what the web seed has and never chokes; there is a permit for it.
  private func use(_ seed: WebSeed, on loop: isolated Loop) {
    let peer = makePeer(
      .web, Endpoint(.anyV4, port: 0), isOutgoing: false, wireHash: info.infoHash, serial: seed.serial,
      on: loop)
    peer.web = seed
    peer.phase = .open
    peer.peerIsChoking = false
    peer.has = seed.pieces
    peer.window.peerLimit = Self.deepest
    picker.join(peer.slot, has: peer.has)
    choker.joined(peer.slot, now: loop.now)
    seed.joined(as: peer)
    peer.interest = InterestCount(has: peer.has, missing: picker.missing)
    updateInterest(peer, on: loop)
    fillRequests(peer, on: loop)
  }

  /// How many blocks a web seed is asked for: at least two pieces, or many, so that requests are large.
  func depth(ofWebSeed peer: PeerConnection) -> Int {
    let least = min(max(2 * geometry.maximumBlocks, 64), Self.deepest / 2)
    return max(peer.window.depth, least)
  }

  /// Chooses blocks for a web seed: whole pieces, and after each the one behind it, up to the next multiple
  /// of what one request may bring.
  func pickRuns(_ room: Int, for peer: PeerConnection, on loop: isolated Loop) {
    let pieces = max(1, WebSeed.runBytes / info.pieceLength)
    var left = room
    while left > 0 {
      let before = peer.blocksToPick.count
      picker.pick(
        min(left, geometry.maximumBlocks), for: peer.slot, has: peer.has, suggested: peer.suggested,
        now: loop.now, into: &peer.blocksToPick)
      guard peer.blocksToPick.count > before, let last = peer.blocksToPick.last else { return }
      left -= peer.blocksToPick.count - before
      peer.suggested.removeAll(keepingCapacity: true)
      let next = Int(last.piece) + 1
      if next % pieces != 0, next < info.pieceCount { peer.suggested.append(Int32(next)) }
    }
  }

  /// Wrong data came from the sender of this name: true if it was a web seed.
  func banWebSeed(_ serial: UInt32, on loop: isolated Loop) -> Bool {
    guard let seed = webSeeds.first(where: { $0.serial == serial }) else { return false }
    seed.ban()
    seed.peer?.close(.badData, on: loop)
    return true
  }
}
