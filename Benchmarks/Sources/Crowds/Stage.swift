import Addresses
import BitTorrent
import CCrowd
import Glibc
import Metainfo

/// Content in memory, torrents of it, sessions on loopback.
struct Stage {
  private let folder: String
  private let content: UnsafeMutableRawBufferPointer
  private let metainfo: Metainfo
  private let pieceLength = 256 << 10

  init(mebibytes: Int) throws {
    let base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
    folder = base + "/apus-crowds-\(getpid())"
    mkdir(folder, 0o700)
    mkdir(folder + "/seed", 0o700)
    content = try Self.write(mebibytes << 20, to: folder + "/seed/content", seed: 1)
    metainfo = try Self.torrent(of: folder + "/seed/content", pieceLength)
  }

  func remove() {
    munmap(content.baseAddress, content.count)
    Self.empty(folder)
  }

  private static func empty(_ path: String) {
    guard let directory = opendir(path) else { return }
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      guard name != ".", name != ".." else { continue }
      let isFolder = entry.pointee.d_type == UInt8(DT_DIR)
      if isFolder { empty(path + "/" + name) } else { unlink(path + "/" + name) }
    }
    closedir(directory)
    rmdir(path)
  }

  private static func write(_ size: Int, to path: String, seed: UInt64) throws
    -> UnsafeMutableRawBufferPointer
  {
    let descriptor = open(path, O_CREAT | O_RDWR, 0o600)
    guard descriptor >= 0, ftruncate(descriptor, size) == 0,
      let base = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), base != MAP_FAILED
    else { Crowds.fail("Crowds: cannot write \(path)\n") }
    close(descriptor)
    let bytes = UnsafeMutableRawBufferPointer(start: base, count: size)
    var state = seed
    for index in 0..<size / 8 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      bytes.storeBytes(of: state, toByteOffset: index * 8, as: UInt64.self)
    }
    return bytes
  }

  private static func torrent(of path: String, _ pieceLength: Int) throws -> Metainfo {
    var options = TorrentCreation.Options()
    options.version = .v1
    options.pieceLength = pieceLength
    return try TorrentCreation.run(path: path, options: options, threads: 2)
  }

  private func session(_ peers: Int = 1000, isSmall: Bool = false) async throws -> Session {
    var configuration = SessionConfiguration()
    configuration.listen = [Endpoint(.loopbackV4, port: 0)]
    configuration.peersPerTorrent = peers + 8
    configuration.connections = 4096
    if isSmall {
      configuration.loops = 1
      configuration.diskThreads = 1
    }
    return try await Session(configuration)
  }

  // MARK: What is measured

  /// One session with a crowd around it.
  func crowd(of peers: Int, _ side: Side) async throws -> Row {
    let session = try await session(peers)
    let place = side == .seeds ? folder + "/seed" : folder + "/copy-\(peers)"
    mkdir(place, 0o700)
    let handle = try await session.add(metainfo, AddOptions(directory: place))
    while await handle.status().state != (side == .seeds ? .seeding : .downloading) { usleep(1000) }
    var crowd = CCrowd.crowd()
    crowd.port = session.listening.first?.port ?? 0
    crowd.peers = Int32(peers)
    withUnsafeMutableBytes(of: &crowd.info_hash) { $0.copyBytes(from: handle.infoHash.bytes) }
    crowd.content = UnsafePointer(content.baseAddress?.assumingMemoryBound(to: UInt8.self))
    crowd.size = UInt64(content.count)
    crowd.piece_length = UInt32(pieceLength)
    crowd.has_all = side == .downloads
    // A seeder sends as much, whatever the number of those who take it.
    let bytes = side == .seeds ? UInt64(2 * content.count) : .max
    let meter = Meter()
    let thread = CrowdThread(crowd, bytes)
    let moved = thread.join()
    guard moved > 0 else { Crowds.fail("Crowds: \(String(cString: strerror(Int32(-moved))))\n") }
    let row = meter.row(Int(side == .seeds ? moved : Int64(content.count)), without: thread.cpu)
    if side == .downloads {
      while await handle.status().state != .seeding { usleep(1000) }
    }
    await session.stop()
    if side == .downloads { Self.empty(place) }
    return row
  }

  /// One seeder and real downloaders, that know only the seeder.
  func downloaders(_ count: Int) async throws -> Row {
    // The room for all copies is bounded.
    let size = min(content.count, (1 << 30) / count) & ~(1 << 20 - 1)
    let path = folder + "/seed/content-\(count)"
    munmap(try Self.write(size, to: path, seed: 2).baseAddress, size)
    let metainfo = try Self.torrent(of: path, pieceLength)
    let seeder = try await session()
    try await complete(try await seeder.add(metainfo, AddOptions(directory: folder + "/seed")))
    var sessions: [Session] = []
    for _ in 0..<count { sessions.append(try await session(isSmall: true)) }
    let meter = Meter()
    var handles: [TorrentHandle] = []
    for (number, session) in sessions.enumerated() {
      var options = AddOptions(directory: folder + "/real-\(number)")
      options.peers = seeder.listening
      mkdir(options.directory, 0o700)
      handles.append(try await session.add(metainfo, options))
    }
    for handle in handles { try await complete(handle) }
    let row = meter.row(count * size, without: 0)
    for session in sessions { await session.stop() }
    await seeder.stop()
    for number in 0..<count { Self.empty(folder + "/real-\(number)") }
    return row
  }

  /// Many torrents from one session to another; all of them are as large as the content.
  func torrents(_ count: Int) async throws -> Row {
    let size = max(64 << 10, content.count / count & ~7)
    let base = folder + "/many-\(count)"
    for path in [base, base + "/seed", base + "/copy"] { mkdir(path, 0o700) }
    var torrents: [Metainfo] = []
    for number in 0..<count {
      let path = base + "/seed/content-\(number)"
      munmap(try Self.write(size, to: path, seed: UInt64(number)).baseAddress, size)
      torrents.append(try Self.torrent(of: path, count == 1 ? pieceLength : 64 << 10))
    }
    let seeder = try await session()
    for metainfo in torrents {
      try await complete(try await seeder.add(metainfo, AddOptions(directory: base + "/seed")))
    }
    let leech = try await session()
    var options = AddOptions(directory: base + "/copy")
    options.peers = seeder.listening
    let meter = Meter()
    var handles: [TorrentHandle] = []
    for metainfo in torrents { handles.append(try await leech.add(metainfo, options)) }
    for handle in handles { try await complete(handle) }
    let row = meter.row(count * size, without: 0)
    await leech.stop()
    await seeder.stop()
    Self.empty(base)
    return row
  }

  private func complete(_ handle: TorrentHandle) async throws {
    while true {
      let status = await handle.status()
      if status.state == .seeding { return }
      if case .stopped(let reason) = status.state { Crowds.fail("Crowds: \(reason)\n") }
      usleep(2000)
    }
  }
}

/// Time and the process's CPU time since its making.
struct Meter {
  private let start = Self.now(CLOCK_MONOTONIC)
  private let cpu = Self.now(CLOCK_PROCESS_CPUTIME_ID)

  func row(_ bytes: Int, without others: Double) -> Row {
    Row(
      bytes: bytes, seconds: Self.now(CLOCK_MONOTONIC) - start,
      cpu: Self.now(CLOCK_PROCESS_CPUTIME_ID) - cpu - others)
  }

  static func now(_ clock: clockid_t) -> Double {
    var time = timespec()
    clock_gettime(clock, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}

/// The thread of a crowd.
final class CrowdThread {
  private final class Work {
    var crowd: CCrowd.crowd
    let bytes: UInt64
    var moved: Int64 = 0
    var cpu = 0.0
    init(_ crowd: CCrowd.crowd, _ bytes: UInt64) {
      self.crowd = crowd
      self.bytes = bytes
    }
  }

  private let work: Work
  private var thread = pthread_t()

  init(_ crowd: CCrowd.crowd, _ bytes: UInt64) {
    work = Work(crowd, bytes)
    pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        let work = Unmanaged<Work>.fromOpaque(argument).takeUnretainedValue()
        work.moved = crowd_run(&work.crowd, work.bytes)
        work.cpu = Meter.now(CLOCK_THREAD_CPUTIME_ID)
        return nil
      }, Unmanaged.passUnretained(work).toOpaque())
  }

  /// Waits for its end: bytes that moved, or a negative error number.
  func join() -> Int64 {
    pthread_join(thread, nil)
    return work.moved
  }

  /// CPU seconds that it took. After `join`.
  var cpu: Double { work.cpu }
}
