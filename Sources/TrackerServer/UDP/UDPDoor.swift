import Addresses
internal import Bytes
internal import CSystem
internal import EventLoop
internal import Glibc

/// A UDP socket of the tracker and the loop that it is on: takes what waits, answers it where it lies, sends all
/// answers with one system call. Confined to its loop; nothing is allocated per datagram.
@safe
final class UDPDoor: ReadinessHandler {
  /// Batches taken in one wake-up, so that a flood does not starve what else is on the loop.
  private static let batchLimit = 8
  /// From this many datagrams a second on they are gathered.
  private static let gatheringRate = 2000.0
  /// Nanoseconds for which datagrams are gathered at most.
  static let longestGathering = 500_000.0
  /// How many are worth gathering.
  private static let gatheredDatagrams = 56.0

  let bound: Endpoint
  private let descriptor: Int32
  private let isV6: Bool
  private let exchange: UnsafeMutablePointer<apus_exchange>
  private let core: TrackerCore
  private var server: UDPTrackerServer
  private var dice: Dice
  private var watcher: SocketWatcher?
  /// Datagrams a second, lately.
  private var rate = 0.0
  private var counted = 0
  private var countedSince: Instant = .now

  /// Takes over a bound descriptor; `nil` if there is no memory.
  init?(_ descriptor: Int32, bound: Endpoint, core: TrackerCore, secret: [UInt8]) {
    // Where the socket has one address, answers leave from that by themselves.
    let isWildcard = bound.address.isUnspecified
    guard let exchange = unsafe apus_exchange_new(isWildcard ? 1 : 0) else { return nil }
    unsafe self.exchange = exchange
    self.descriptor = descriptor
    self.bound = bound
    self.core = core
    isV6 = !bound.address.isV4
    var seeds = SystemRandomNumberGenerator()
    server = UDPTrackerServer(core, secret: secret, seed: seeds.next())
    dice = Dice(state: seeds.next())
  }

  deinit {
    TCP.close(descriptor)
    unsafe apus_exchange_free(exchange)
  }

  /// Begins to answer, until `close`; false if the system refuses.
  func start(on loop: isolated Loop) -> Bool {
    watcher = loop.watcher(descriptor, self)
    watcher?.watch(for: .readable)
    return watcher != nil
  }

  /// Takes no more, for ever: the socket is closed with the door.
  func close() {
    watcher?.close()
    watcher = nil
  }

  /// Takes datagrams, or leaves them in the socket.
  func setReading(_ isReading: Bool) { watcher?.watch(for: isReading ? .readable : []) }

  func ready(_ events: Readiness, on loop: isolated Loop) {
    gather()
    var total = 0
    for _ in 0..<Self.batchLimit {
      let count = Int(unsafe apus_exchange_receive(descriptor, exchange))
      guard count > 0 else { break }
      answer(count)
      total += count
      guard count == Int(APUS_EXCHANGE) else { break }
    }
    count(total)
    server.tally.flush(to: core.counters)
  }

  /// Waits for company: where many come, a wake-up for each would cost as much as its answer.
  private func gather() {
    guard rate > Self.gatheringRate else { return }
    let pause = min(Self.longestGathering, Self.gatheredDatagrams * 1e9 / rate)
    apus_pause(UInt32(pause))
  }

  /// Notes how many come in a second.
  private func count(_ datagrams: Int) {
    counted += datagrams
    let now = Instant.now
    let passed = Double(now.nanoseconds &- countedSince.nanoseconds)
    guard passed > 10_000_000 else { return }
    rate = Double(counted) * 1e9 / passed
    counted = 0
    countedSince = now
  }

  private func answer(_ count: Int) {
    let moment = UDPTrackerServer.Moment(
      seconds: core.clock(), wallSeconds: UInt64(max(0, time(nil))))
    for index in 0..<count {
      unsafe withUnsafeMutablePointer(to: &exchange.pointee) { exchange in
        let arrival =
          unsafe UnsafeMutableRawPointer(exchange).assumingMemoryBound(to: apus_arrival.self) + index
        let place = index * Int(APUS_EXCHANGE_PLACE)
        let request = unsafe UnsafeRawBufferPointer(
          start: exchange.pointee.requests + place, count: Int(arrival.pointee.length))
        let room = unsafe UnsafeMutableRawBufferPointer(
          start: exchange.pointee.answers + place, count: UDPTrackerServer.maximumAnswer)
        var answer = unsafe MutableRawSpan(_unsafeBytes: room)
        let length = unsafe server.answer(
          RawSpan(_unsafeBytes: request), from: source(arrival), at: moment, random: dice.next(),
          into: &answer)
        unsafe arrival.pointee.answer = UInt32(length)
      }
    }
    server.tally.lost += Int(unsafe apus_exchange_answer(descriptor, exchange, Int32(count)))
  }

  /// Where a datagram came from.
  private func source(_ arrival: UnsafePointer<apus_arrival>) -> Endpoint {
    let bytes = unsafe RawSpan(
      _unsafeBytes: UnsafeRawBufferPointer(start: arrival, count: 28))
    return Endpoint(
      IPAddress(bytes, at: isV6 ? 8 : 4, isV6: isV6), port: bytes.bigEndian(UInt16.self, at: 2))
  }
}
