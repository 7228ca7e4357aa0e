import Addresses
import Bytes
import Digest
import Glibc
import Synchronization
import Testing
import Threads
import TrackerProtocol

@testable import TrackerServer

/// A folder that is gone with the test.
final class TemporaryFolder {
  let path: String

  init() throws {
    var name = Array("/tmp/apus-state-XXXXXX".utf8CString)
    guard mkdtemp(&name) != nil else { throw SnapshotFault.system("mkdtemp", code: errno) }
    path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit {
    for name in ["swarms.snapshot", "swarms.snapshot.bad", "swarms.snapshot.new", "swarms.changes", "other"] {
      unlink("\(path)/\(name)")
    }
    rmdir(path)
  }

  func bytes(_ name: String) throws -> [UInt8] {
    let descriptor = open("\(path)/\(name)", O_RDONLY)
    guard descriptor >= 0 else { throw SnapshotFault.system(name, code: errno) }
    defer { close(descriptor) }
    let source = SnapshotSource.file(descriptor)
    return try #require(source.read(source.size, at: 0))
  }
}

@Suite("Snapshots of a swarm table")
struct SnapshotTests {
  /// Swarms of all sizes, both families, all kinds of peers.
  func filled(_ torrents: Int = 60, now: UInt32 = 5000, seed: UInt64 = 1, interval: UInt32? = nil) throws
    -> SwarmTable
  {
    var limits = SwarmLimits()
    if let interval { limits.peerLifetime = interval }
    let table = SwarmTable(limits: limits, shards: 4, seed: seed)
    var reply = SwarmReply()
    for torrent in 0..<torrents {
      let peers = torrent % 20 == 0 ? 300 : torrent % 9
      for number in 0...peers {
        for event in number % 3 == 0
          ? [.started, .completed] as [AnnounceEvent] : [number % 5 == 0 ? .paused : .regular]
        {
          try table.announce(
            hash(torrent), endpoint(number, isV6: number % 4 == 1),
            SwarmAnnounce(isSeed: event == .completed, event: event, wanted: 0), now: now, random: 1,
            into: &reply)
        }
      }
    }
    return table
  }

  func snapshot(
    _ table: SwarmTable, wall: UInt64 = 1_700_000_000, since: UInt32? = nil, now: UInt32 = 5000
  ) throws -> [UInt8] {
    let folder = try TemporaryFolder()
    let descriptor = open("\(folder.path)/other", O_RDWR | O_CREAT, 0o600)
    defer { close(descriptor) }
    _ = try table.writeSnapshot(to: descriptor, wall: wall, since: since) { now }
    return try folder.bytes("other")
  }

  @Test("A table comes back as it was, whatever its key, its shards and the threads", arguments: [1, 3])
  func roundTrip(threads: Int) throws {
    let table = try filled()
    let bytes = try snapshot(table)
    let other = SwarmTable(shards: 7, seed: 99)
    let summary = try other.restore(.bytes(bytes), now: 80, wall: 1_700_000_000, threads: threads)
    #expect(other.digest == table.digest)
    #expect(other.statistics == table.statistics)
    #expect(summary.peers == table.statistics.peers)
    #expect(other.scrape(hash(20)) == table.scrape(hash(20)))
    // Who has completed does not complete again.
    var reply = SwarmReply()
    for isSeed in [false, true] {
      try other.announce(
        hash(20), endpoint(0), SwarmAnnounce(isSeed: isSeed, event: .completed, wanted: 0), now: 81,
        random: 1,
        into: &reply)
    }
    #expect(reply.counts.downloaded == table.scrape(hash(20))?.downloaded)
  }

  @Test(
    "Peers grow older while nobody runs, by the time that has passed", arguments: [2760, 40_000] as [UInt32])
  func ages(lifetime: UInt32) throws {
    let table = try filled(10, now: 5000, interval: lifetime)
    var reply = SwarmReply()
    try table.announce(
      hash(3), endpoint(77), SwarmAnnounce(isSeed: true, wanted: 0), now: 6000, random: 1, into: &reply)
    let bytes = try snapshot(table, wall: 1000, now: 6000)
    var limits = SwarmLimits()
    limits.peerLifetime = lifetime
    func peers(after passed: UInt32) throws -> Int {
      let other = SwarmTable(limits: limits, seed: 5)
      _ = try other.restore(.bytes(bytes), now: 10, wall: UInt64(1000 + passed))
      return other.statistics.peers
    }
    let all = table.statistics.peers
    #expect(try peers(after: lifetime - 1000 - 40) == all)
    #expect(try peers(after: lifetime - 1000 + 40) == 1)
    #expect(try peers(after: lifetime + 40) == 0)
    // A clock that was put back makes nobody younger.
    let other = SwarmTable(limits: limits, seed: 5)
    _ = try other.restore(.bytes(bytes), now: 10, wall: 3)
    #expect(other.statistics.peers == all)
    let age = try #require(other.peers(of: hash(3), limit: 100, now: 20)).map(\.age).max()
    #expect(abs(Int(age ?? 0) - 1010) < 20)
    // They are forgotten in time as well.
    for shard in 0..<other.shardCount {
      while !other.sweep(shard: shard, budget: 100, now: lifetime - 900) {}
    }
    #expect(other.statistics.peers == 1)
  }

  @Test("A file that is cut anywhere is refused, and the table is empty")
  func truncated() throws {
    let bytes = try snapshot(filled(30))
    let table = SwarmTable(shards: 2, seed: 3)
    for length in 0..<bytes.count where length < 200 || length % 37 == 0 || bytes.count - length < 70 {
      #expect(throws: length > 0 && length < 8 ? .foreign : SnapshotFault.cutShort) {
        try table.restore(.bytes(Array(bytes[..<length])), now: 1, wall: 0)
      }
      #expect(table.statistics == SwarmStatistics())
    }
    #expect(throws: SnapshotFault.self) { try table.restore(.bytes(bytes + [0]), now: 1, wall: 0) }
  }

  @Test("A bit that is wrong anywhere is noticed, and the table is empty", arguments: [0, 7])
  func bitFlips(bit: UInt8) throws {
    let bytes = try snapshot(filled(12))
    let table = SwarmTable(shards: 2, seed: 3)
    for position in bytes.indices {
      var damaged = bytes
      damaged[position] ^= 1 << bit
      #expect(throws: SnapshotFault.self, "byte \(position)") {
        try table.restore(.bytes(damaged), now: 1, wall: 0, threads: position % 100 == 0 ? 2 : 1)
      }
    }
    #expect(table.statistics == SwarmStatistics())
  }

  @Test("Other files and other versions are refused by their names")
  func foreign() throws {
    let table = SwarmTable(seed: 3)
    #expect(throws: SnapshotFault.foreign) {
      try table.restore(.bytes(Array("d8:announce3:fooe, which is no snapshot".utf8)), now: 1, wall: 0)
    }
    var bytes = SnapshotFormat.header(shift: 0, wall: 0)
    bytes[11] = 2
    bytes.replaceSubrange(28..., with: [])
    bytes.append(bigEndian: CRC32C.of(bytes.rawBytes))
    #expect(throws: SnapshotFault.version(2)) { try table.restore(.bytes(bytes), now: 1, wall: 0) }
  }

  @Test("A snapshot that is taken while announces go on has everything that was there all the time")
  func underLoad() throws {
    let table = SwarmTable(shards: 4, seed: 3)
    var reply = SwarmReply()
    for torrent in 0..<4000 {
      try table.announce(
        hash(torrent), endpoint(torrent), SwarmAnnounce(isSeed: true, wanted: 0), now: 100, random: 1,
        into: &reply)
    }
    let stop = Flag()
    let load = WorkerThread(name: "load") {
      var dice = Dice(state: 5)
      var reply = SwarmReply()
      while !stop.isSet {
        let torrent = dice.below(12_000)
        let event: AnnounceEvent = torrent >= 4000 && dice.below(2) == 0 ? .stopped : .regular
        let announce = SwarmAnnounce(isSeed: true, event: event, wanted: 0)
        try? table.announce(hash(torrent), endpoint(torrent), announce, now: 100, random: 1, into: &reply)
        if dice.below(50) == 0 { _ = table.sweep(shard: dice.below(4), budget: 200, now: 100) }
      }
    }
    defer {
      stop.set()
      load.join()
    }
    for _ in 0..<5 {
      let other = SwarmTable(seed: 9)
      _ = try other.restore(.bytes(try snapshot(table, now: 100)), now: 1, wall: 1_700_000_000)
      for torrent in 0..<4000 { #expect(other.scrape(hash(torrent))?.seeds == 1) }
    }
  }

  @Test("Changes since a snapshot, put upon it, give the table as it is")
  func changes() throws {
    let table = try filled(200, now: 5000)
    let first = try snapshot(table, now: 5000)
    var reply = SwarmReply()
    var dice = Dice(state: 3)
    for _ in 0..<500 {
      let event: AnnounceEvent = dice.below(2) == 0 ? .stopped : .started
      try table.announce(
        hash(dice.below(40)), endpoint(dice.below(300), isV6: dice.below(2) == 0),
        SwarmAnnounce(isSeed: dice.below(2) == 0, event: event, wanted: 0), now: 5100, random: 1, into: &reply
      )
    }
    let changes = try snapshot(table, since: 5100, now: 5100)
    #expect(changes.count < first.count / 2)
    let other = SwarmTable(seed: 5)
    _ = try other.restore(.bytes(first), now: 7000, wall: 1_700_000_000)
    #expect(other.digest != table.digest)
    _ = try other.restore(.bytes(changes), now: 7000, wall: 1_700_000_000, replacing: true)
    #expect(other.digest == table.digest)
    // Without replacing, those who are there already stay as they are.
    _ = try other.restore(.bytes(first), now: 7000, wall: 1_700_000_000)
    #expect(other.digest.peers >= table.digest.peers)
  }

  @Test("Whenever the process is killed, the file is whole", arguments: 0..<6)
  func killed(round: Int) async throws {
    let folder = try TemporaryFolder()
    let path = folder.path
    _ = try StateFolder(path).write(SwarmTable(seed: 1), to: "\(path)/swarms.snapshot") { 5000 }
    await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String, round = round as Int] in
      let state = try StateFolder(path)
      let table = SwarmTable(seed: 1)
      var reply = SwarmReply()
      for torrent in 0..<5000 {
        try table.announce(
          hash(torrent), endpoint(torrent), SwarmAnnounce(isSeed: true, wanted: 0), now: 5000, random: 1,
          into: &reply)
      }
      _ = try state.write(table, to: state.snapshot) { 5000 }
      let killer = WorkerThread(name: "killer") {
        usleep(UInt32(1000 + round * 3700))
        kill(getpid(), SIGKILL)
      }
      while true { _ = try state.write(table, to: state.snapshot) { 5000 } }
      killer.join()
    }
    let table = SwarmTable(seed: 2)
    #expect(
      try StateFolder(path).read("\(path)/swarms.snapshot", into: table, now: 1, threads: 1)?.torrents == 5000
    )
  }

  @Test("Limits hold for what comes back as well")
  func limits() throws {
    var limits = SwarmLimits()
    limits.torrents = 30
    limits.peers = 100
    limits.peersPerTorrent = 20
    let table = SwarmTable(limits: limits, seed: 5)
    _ = try table.restore(.bytes(try snapshot(filled())), now: 1, wall: 1_700_000_000)
    #expect(table.statistics.torrents <= 30)
    #expect(table.statistics.peers <= 100)
  }

  @Test("A file is replaced whole; one that cannot be used is put aside")
  func files() throws {
    let folder = try TemporaryFolder()
    let state = try StateFolder(folder.path)
    let table = try filled(20)
    let empty = SwarmTable(seed: 1)
    #expect(try state.read(state.snapshot, into: empty, now: 1, threads: 1) == nil)
    _ = try state.write(empty, to: state.snapshot) { 5000 }
    _ = try state.write(table, to: state.snapshot) { 5000 }
    #expect(try state.read(state.snapshot, into: empty, now: 1, threads: 2)?.peers == table.statistics.peers)
    #expect(throws: SnapshotFault.self) { try folder.bytes("swarms.snapshot.new") }
    // Nobody else may read who is in which swarm.
    var status = stat()
    stat(state.snapshot, &status)
    #expect(status.st_mode & 0o077 == 0)
    let descriptor = open(state.snapshot, O_WRONLY)
    ftruncate(descriptor, 100)
    close(descriptor)
    #expect(throws: SnapshotFault.cutShort) {
      try state.read(state.snapshot, into: empty, now: 1, threads: 2)
    }
    #expect(state.putAside(state.snapshot) == state.snapshot + ".bad")
    #expect(try state.read(state.snapshot, into: empty, now: 1, threads: 1) == nil)
    #expect(throws: SnapshotFault.self) { try StateFolder("/dev/null/state") }
    #expect(throws: SnapshotFault.self) {
      try state.write(table, to: "\(folder.path)/missing/file") { 5000 }
    }
  }
}

/// Something that happens once.
final class Flag: Sendable {
  private let value = Atomic<Bool>(false)
  var isSet: Bool { value.load(ordering: .relaxed) }
  func set() { value.store(true, ordering: .relaxed) }
}
