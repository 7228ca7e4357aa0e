import Addresses
import Bytes
import Digest
import EventLoop
import Synchronization
import UTP

/// Passes datagrams of uTP from the loop that takes them to the loops that have their connections. Confined to the
/// first. A look-up and a copy a datagram, a delivery a wake-up.
final class UTPExchange {
  /// Bytes that may be on their way to a loop; what comes beyond that is lost, as UDP may lose it.
  private static let limit = 4 << 20

  private var router: UTPRouter
  /// The other ports; that of number n at n - 1.
  private let ports: [Confined<UTPPort>]
  private var batches: [DatagramBatch?]
  private let roads: [DatagramRoad]

  init(to ports: [Confined<UTPPort>]) {
    self.ports = ports
    let seed = [UInt8].random(count: 16)
    router = UTPRouter(
      homes: ports.count + 1,
      seed: (seed.rawBytes.bigEndian(UInt64.self, at: 0), seed.rawBytes.bigEndian(UInt64.self, at: 8)))
    batches = Array(repeating: nil, count: ports.count)
    roads = ports.map { DatagramRoad(to: $0) }
  }

  /// Loops that there are, and connections of others than the first.
  var homes: Int { router.homes }
  var count: Int { router.count }

  /// A connection of another loop begins, or is over.
  func began(_ remote: Endpoint, _ id: UInt16, home: Int) { router.add(remote, id, home: home) }
  func ended(_ remote: Endpoint, _ id: UInt16, home: Int) { router.remove(remote, id, home: home) }

  /// Takes a datagram that is known to belong to another loop. False if it is not.
  func forwards(_ datagram: RawSpan, from remote: Endpoint, on loop: isolated Loop) -> Bool {
    let home = router.home(of: datagram, from: remote)
    guard home > 0 else { return false }
    forward(datagram, from: remote, to: home, on: loop)
    return true
  }

  /// Whose connection a datagram may belong to that belongs to none which is known.
  func guess(_ datagram: RawSpan) -> Int { router.guess(of: datagram) }

  func forward(_ datagram: RawSpan, from remote: Endpoint, to home: Int, on loop: isolated Loop) {
    let index = home - 1
    let batch = batches[index] ?? roads[index].emptyBatch()
    batches[index] = batch
    guard batch.byteCount + roads[index].byteCount + datagram.byteCount <= Self.limit else { return }
    batch.append(datagram, from: remote, at: loop.now.nanoseconds / 1000)
  }

  /// Everything that waited at the socket has been taken.
  func deliver() {
    for index in batches.indices {
      guard let batch = batches[index].take() else { continue }
      roads[index].send(batch)
    }
  }

  /// The way of a connection to another loop, to be told to it before anything else; `nil` if that has no port.
  func passage(of connection: DetachedConnection, _ remote: Endpoint, _ id: UInt16, to loop: Loop)
    -> UTPPassage?
  {
    guard let index = ports.firstIndex(where: { $0.loop === loop }) else { return nil }
    router.add(remote, id, home: index + 1)
    return UTPPassage(connection: connection, port: ports[index])
  }
}

/// A connection between two loops.
struct UTPPassage: Sendable {
  let connection: DetachedConnection
  let port: Confined<UTPPort>

  /// Ends the way: the connection, for the use of this loop.
  func arrive(on loop: isolated Loop) -> PeerStream.Carrier {
    .utp(Confined(port.value(on: loop).take(connection, on: loop), on: loop))
  }
}

/// Datagrams on their way from the loop that took them to another one.
///
/// Unchecked `Sendable`: one loop fills it, then another one empties it.
final class DatagramBatch: Completion, @unchecked Sendable {
  private struct Entry {
    let remote: Endpoint
    let range: Range<Int>
    let time: UInt64
  }

  private let road: DatagramRoad
  private var bytes: [UInt8] = []
  private var entries: [Entry] = []

  init(_ road: DatagramRoad) { self.road = road }

  var byteCount: Int { bytes.count }

  func append(_ datagram: RawSpan, from remote: Endpoint, at time: UInt64) {
    let start = bytes.count
    unsafe datagram.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
    entries.append(Entry(remote: remote, range: start..<bytes.count, time: time))
  }

  /// Calls `body` with each datagram, its sender and the time at which it was taken.
  func visit(_ body: (RawSpan, Endpoint, UInt64) -> Void) {
    unsafe bytes.withUnsafeBytes { bytes in
      for entry in entries {
        let datagram = unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: bytes[entry.range]))
        body(datagram, entry.remote, entry.time)
      }
    }
  }

  func complete(on loop: isolated Loop) {
    road.target.value(on: loop).received(self, on: loop)
    let count = bytes.count
    bytes.removeAll(keepingCapacity: true)
    entries.removeAll(keepingCapacity: true)
    road.arrived(self, count)
  }
}

/// The way of datagrams to one loop. Its batches are used again and again.
final class DatagramRoad: Sendable {
  private static let spareLimit = 8

  let target: Confined<UTPPort>
  private let spare = Mutex<[DatagramBatch]>([])
  private let underWay = Atomic<Int>(0)

  init(to target: Confined<UTPPort>) { self.target = target }

  /// Bytes that have not arrived.
  var byteCount: Int { underWay.load(ordering: .relaxed) }

  func emptyBatch() -> DatagramBatch { spare.withLock { $0.popLast() } ?? DatagramBatch(self) }

  func send(_ batch: DatagramBatch) {
    underWay.add(batch.byteCount, ordering: .relaxed)
    target.loop.deliver(batch)
  }

  func arrived(_ batch: DatagramBatch, _ count: Int) {
    underWay.subtract(count, ordering: .relaxed)
    spare.withLock { if $0.count < Self.spareLimit { $0.append(batch) } }
  }
}

/// Tells a port that sends only when there is room again.
final class UTPOutlet: DatagramHandler {
  private weak var port: UTPPort?

  init(_ port: UTPPort) { self.port = port }

  func received(_ datagram: RawSpan, from remote: Endpoint, on loop: isolated Loop) {}
  func receivedAll(on loop: isolated Loop) {}
  func drained(on loop: isolated Loop) { port?.schedule() }
}
