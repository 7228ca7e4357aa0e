import BitTorrent
import Bytes
import Digest
import Metainfo
import Synchronization

/// A torrent that its publisher may replace: what a magnet link with a key names at present, and later (BEP 46).
struct Publication: Sendable {
  let magnet: Magnet
  private let key: [UInt8]

  /// `nil` if the link names its torrent itself.
  init?(_ magnet: Magnet) {
    guard magnet.infoHash == nil, let key = magnet.publicKey else { return nil }
    self.magnet = magnet
    self.key = key
  }

  /// The link of one version.
  func version(_ infoHash: InfoHash) -> Magnet {
    var version = magnet
    version.infoHashV1 = infoHash
    return version
  }

  /// What the key leads to; waits for the DHT until it is found, `nil` once somebody interrupts or the time is up.
  func present(_ session: Session, _ scene: Scene, within seconds: Double = .infinity) async throws(Failure)
    -> InfoHash?
  {
    guard let dht = session.dht else {
      throw Failure("a publisher's magnet link is looked up in the DHT, which is switched off")
    }
    var waited = 0.0
    while waited < seconds {
      if let found = await dht.torrent(of: key, salt: magnet.salt) { return found.infoHash }
      // The DHT may not have been entered yet.
      if await scene.interruption.sleep(1) { return nil }
      waited += 1
    }
    throw Failure("nothing is published under the key '\(key.hexadecimal)', as far as the DHT knows")
  }

  /// Looks again and again for other versions than `first`.
  func follow(_ session: Session, after first: InfoHash, every seconds: Double) -> Updates {
    Updates(self, session, after: first, key: key, every: seconds)
  }

  /// Versions that came while nobody looked.
  final class Updates: Sendable {
    private let found = Mutex<[Magnet]>([])
    private let task: Mutex<Task<Void, Never>?> = Mutex(nil)

    fileprivate init(
      _ publication: Publication, _ session: Session, after first: InfoHash, key: [UInt8],
      every seconds: Double
    ) {
      let reader = Task { [weak self] in
        guard let dht = session.dht else { return }
        var last = first
        for await infoHash in dht.torrents(of: key, salt: publication.magnet.salt, every: seconds)
        where infoHash != last {
          last = infoHash
          self?.found.withLock { $0.append(publication.version(infoHash)) }
        }
      }
      task.withLock { $0 = reader }
    }

    /// Takes what has come.
    func take() -> [Magnet] {
      found.withLock { found in
        let taken = found
        found = []
        return taken
      }
    }

    func stop() { task.withLock { $0?.cancel() } }
  }
}
