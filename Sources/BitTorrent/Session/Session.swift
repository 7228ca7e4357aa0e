public import Addresses
import EventLoop
public import Metainfo
import PeerProtocol
import PieceStorage
import Synchronization

/// The engine: torrents, their peers and the threads that they share.
///
/// A session listens, adds torrents and hands out `Sendable` handles; all its state lives on its loops.
public final class Session: Sendable {
  private struct Life {
    var isStopped = false
    var torrents: [TorrentHandle] = []
    var next = 0
  }

  private let configuration: SessionConfiguration
  private let peerID: PeerID
  private let disk: DiskPool
  private let loops: [Confined<LoopContext>]
  private let listeners: [Confined<Listener>]
  private let registry = TorrentRegistry()
  private let life = Mutex(Life())

  /// Where peers are awaited, with the ports that were given.
  public let listening: [Endpoint]

  /// Starts the session's threads and listens.
  ///
  /// An address family that the machine does not have is passed over as long as one address works.
  /// - Throws: `SessionError.Code.cannotListen` when none does.
  public init(_ configuration: SessionConfiguration) async throws(SessionError) {
    self.configuration = configuration
    peerID = PeerID.random(prefix: configuration.peerIDPrefix)
    let sockets = try Self.listen(configuration.listen)
    listening = sockets.map(\.bound)
    let disk = DiskPool(threads: configuration.diskThreads)
    self.disk = disk
    var loops: [Confined<LoopContext>] = []
    for index in 0..<max(1, configuration.loops) {
      let loop = Loop(name: "loop \(index)")
      loops.append(
        await loop.perform { loop in
          Confined(LoopContext(configuration, disk: disk, on: loop), on: loop)
        })
    }
    self.loops = loops
    var listeners: [Confined<Listener>] = []
    let first = loops[0].loop
    let registry = registry
    for socket in sockets {
      listeners.append(
        await first.perform { loop in
          let listener = Listener(descriptor: socket.descriptor, bound: socket.bound, registry: registry)
          listener.start(on: loop)
          return Confined(listener, on: loop)
        })
    }
    self.listeners = listeners
  }

  /// Adds a torrent and starts it: what is on disk is looked at first, then peers are sought.
  ///
  /// Returns at once; `status` of the handle tells how far it is.
  public func add(_ metainfo: Metainfo, _ options: AddOptions) async throws(SessionError) -> TorrentHandle {
    let context = life.withLock { life in
      life.next += 1
      return life.isStopped ? nil : loops[life.next % loops.count]
    }
    guard let context else { throw SessionError(.stopped, "the session has been stopped") }
    let port = listening.first?.port ?? 0
    let peerID = peerID
    let torrent = await context.loop.perform { loop in
      let context = context.value(on: loop)
      let torrent = Torrent(
        metainfo, options: options, context: context, localPeerID: peerID, listeningPort: port, now: loop.now)
      return Confined(torrent, on: loop)
    }
    let hashes = metainfo.info.infoHashes
    guard registry.insert(torrent, under: hashes) else {
      throw SessionError(.duplicate, "\(metainfo.info.name) is in this session already")
    }
    let handle = TorrentHandle(infoHash: metainfo.info.infoHash, torrent: torrent)
    life.withLock { $0.torrents.append(handle) }
    await context.loop.perform { loop in
      let torrent = torrent.value(on: loop)
      torrent.context.add(torrent, on: loop)
      torrent.start(on: loop)
    }
    return handle
  }

  /// Takes a torrent out: peers are closed, trackers told, files left as they are.
  public func remove(_ handle: TorrentHandle, within seconds: Double = 3) async {
    life.withLock { life in life.torrents.removeAll { $0.infoHash == handle.infoHash } }
    await stop(handle, within: seconds)
  }

  /// Changes the limits that all torrents share, from now on.
  public func set(limits: RateLimits) async {
    for context in loops {
      await context.loop.perform { loop in context.value(on: loop).set(limits, on: loop) }
    }
  }

  /// Stops everything: what is written is made durable, trackers are told within the time given, and
  /// the threads end. Idempotent.
  public func stop(within seconds: Double = 3) async {
    let torrents = life.withLock { life in
      let torrents = life.isStopped ? nil : life.torrents
      life.isStopped = true
      life.torrents = []
      return torrents
    }
    guard let torrents else { return }
    for listener in listeners {
      await listener.loop.perform { loop in listener.value(on: loop).stop() }
    }
    await withTaskGroup { group in
      for handle in torrents { group.addTask { await self.stop(handle, within: seconds) } }
    }
    disk.stop()
    for context in loops {
      await context.loop.perform { loop in context.value(on: loop).close(on: loop) }
      context.loop.stop()
      context.loop.join()
    }
  }

  private func stop(_ handle: TorrentHandle, within seconds: Double) async {
    registry.remove(await handle.hashes())
    await handle.stop(within: seconds)
  }

  private static func listen(_ endpoints: [Endpoint]) throws(SessionError) -> [(
    descriptor: Int32, bound: Endpoint
  )] {
    var sockets: [(descriptor: Int32, bound: Endpoint)] = []
    var failure: SocketError?
    var port: UInt16 = 0
    for endpoint in endpoints {
      // One port for all addresses: trackers are told only one.
      let wanted = Endpoint(endpoint.address, port: endpoint.port == 0 ? port : endpoint.port)
      do {
        let socket = try TCP.listen(on: wanted)
        port = socket.bound.port
        sockets.append(socket)
      } catch {
        failure = failure ?? error
      }
    }
    if let failure, sockets.isEmpty {
      throw SessionError(.cannotListen, "\(failure); choose another address or port")
    }
    return sockets
  }
}
