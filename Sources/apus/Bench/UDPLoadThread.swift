import Addresses
import CSystem
import EventLoop
import Glibc

/// A thread's share of a load over UDP: sends at a fixed rate, whatever comes back and when.
@safe
struct UDPLoadThread {
  /// How much a thread has to do.
  struct Share: Sendable {
    var tracker: Endpoint
    var population: SwarmPopulation
    var mix: TrackerMix
    var wanted: Int
    var sockets: Int
    var seed: UInt64
    /// Requests a second; as fast as it goes where a fill has no rate.
    var rate: Double
    var seconds: Double
    /// Which peers to announce once each, instead.
    var filling: (first: Int, step: Int)?
  }

  private let task: Share
  private let descriptors: [Int32]
  private let exchange: UnsafeMutablePointer<apus_exchange>
  private var load: UDPLoad
  private var nextSocket = 0

  private init(_ task: Share, _ descriptors: [Int32], _ exchange: UnsafeMutablePointer<apus_exchange>) {
    self.task = task
    self.descriptors = descriptors
    unsafe self.exchange = exchange
    load = UDPLoad(
      task.population, mix: task.mix, wanted: task.wanted, isV6: !task.tracker.address.isV4,
      sockets: descriptors.count, window: Int(task.rate * 1.5), seed: task.seed, filling: task.filling)
  }

  /// Does it, on the calling thread.
  static func run(_ task: Share) throws(SocketError) -> LoadResult {
    guard let exchange = unsafe apus_exchange_new(0) else { return LoadResult() }
    defer { unsafe apus_exchange_free(exchange) }
    var descriptors: [Int32] = []
    defer { for descriptor in descriptors { TCP.close(descriptor) } }
    for number in 0..<task.sockets {
      let descriptor = try UDPSocket.bind(to: source(number, of: task)).descriptor
      descriptors.append(descriptor)
      if apus_set_option(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20) != 0 {
        _ = apus_set_option(descriptor, SOL_SOCKET, SO_RCVBUF, 4 << 20)
      }
      try UDPSocket.connect(descriptor, to: task.tracker)
    }
    apus_pause_exactly()
    var thread = unsafe UDPLoadThread(task, descriptors, exchange)
    thread.run()
    return thread.load.result
  }

  /// To a tracker on this machine each socket speaks from an address of its own.
  private static func source(_ number: Int, of task: Share) -> Endpoint {
    guard task.tracker.address.isV4 else { return Endpoint(.anyV6, port: 0) }
    guard task.tracker.address.isLoopback else { return Endpoint(.anyV4, port: 0) }
    return Endpoint(IPAddress(v4: 0x7f00_0101 + UInt32(number % 200)), port: 0)
  }

  private mutating func run() {
    let start = Instant.now.nanoseconds
    var now = start
    var lastSend = start
    var sent = 0
    while true {
      let elapsed = Double(now - start) / 1e9
      let isOver = task.filling != nil ? load.isFilled : elapsed >= task.seconds
      let due = isOver ? 0 : Int(elapsed * task.rate) - sent
      var isIdle = true
      if due > 0 {
        let count = send(due, now)
        sent += count
        isIdle = count == 0
        lastSend = now
      }
      if receive() { isIdle = false }
      if isOver, now - lastSend > UDPLoad.patience || load.result.lost == 0 { break }
      if isIdle { apus_pause(50_000) }
      now = Instant.now.nanoseconds
    }
    load.ended(after: Double(lastSend - start) / 1e9)
  }

  /// Sends up to `due` requests, at most a batch each through all sockets in turn; how many it sent.
  private mutating func send(_ due: Int, _ now: UInt64) -> Int {
    var total = 0
    for _ in descriptors.indices where total < due {
      let socket = nextSocket
      nextSocket = (nextSocket + 1) % descriptors.count
      guard load.isReady(socket, now: now) else { continue }
      // Small batches where little is due, so that they are spread over the sockets.
      let wanted = min(due - total, max(4, due / descriptors.count), Int(APUS_EXCHANGE))
      var count = 0
      while count < wanted, !load.isFilled, load.isReady(socket, now: now) {
        write(count, socket, now)
        count += 1
      }
      let taken = unsafe apus_exchange_send(descriptors[socket], exchange, Int32(count))
      total += count
      if taken < count { return total }
    }
    return total
  }

  private mutating func write(_ index: Int, _ socket: Int, _ now: UInt64) {
    let place = index * Int(APUS_EXCHANGE_PLACE)
    let room = unsafe UnsafeMutableRawBufferPointer(
      start: exchange.pointee.answers + place, count: Int(APUS_EXCHANGE_PLACE))
    var bytes = unsafe MutableRawSpan(_unsafeBytes: room)
    let length = load.request(of: socket, into: &bytes, now: now)
    load.sent(bytes: length)
    unsafe arrivals[index].answer = UInt32(length)
  }

  /// Reads what has come to all sockets; whether there was anything.
  private mutating func receive() -> Bool {
    var isAny = false
    for socket in descriptors.indices {
      let count = Int(unsafe apus_exchange_receive(descriptors[socket], exchange))
      guard count > 0 else { continue }
      isAny = true
      let now = Instant.now.nanoseconds
      for index in 0..<count {
        let bytes = unsafe UnsafeRawBufferPointer(
          start: exchange.pointee.requests + index * Int(APUS_EXCHANGE_PLACE),
          count: Int(arrivals[index].length))
        unsafe load.received(RawSpan(_unsafeBytes: bytes), of: socket, now: now)
      }
    }
    return isAny
  }

  private var arrivals: UnsafeMutablePointer<apus_arrival> {
    unsafe UnsafeMutableRawPointer(exchange).assumingMemoryBound(to: apus_arrival.self)
  }
}
