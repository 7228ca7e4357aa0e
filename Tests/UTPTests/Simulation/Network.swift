import Addresses
import UTP

/// Hosts on the two sides of a bottleneck, in virtual time. Everything that happens is determined by the seed.
final class Network {
  private enum Event {
    case datagram(to: Int, from: Int, bytes: [UInt8])
    case wake(Int)
    case segment(Int, number: Int)
    case acknowledgement(Int, number: Int)
    case call(Int)
  }

  private struct Entry {
    let time: UInt64
    let order: UInt64
    let event: Event
  }

  private(set) var now: UInt64 = 0
  /// From side 0 to side 1, and back.
  var links: [Link]
  private(set) var hosts: [Host] = []
  private(set) var flows: [ReferenceFlow] = []
  var random: Randomness
  private var queue: [Entry] = []
  private var order: UInt64 = 0
  private var calls: [() -> Void] = []
  /// Sees every datagram; may change it, or swallow it.
  var tamper: ((_ bytes: inout [UInt8], _ from: Int, _ to: Int) -> Bool)?
  /// Largest number of packets that one host gave away at once.
  private var batch = PacketBatch()

  /// `rate` in Mbit/s, `roundTrip` and `buffer` in milliseconds.
  init(seed: UInt64, rate: Double = 100, roundTrip: UInt64 = 50, buffer: UInt64 = 300) {
    random = Randomness(state: seed)
    let link = Link(rate: rate * 1e6, delay: roundTrip * 500, buffer: buffer * 1000)
    links = [link, link]
  }

  /// `clock` is what its clock shows at the start, µs; `skew` by how much it is fast.
  func host(
    side: Int, clock: UInt64 = 1_000_000_000, skew: Double = 0,
    _ change: (inout UTPConfiguration) -> Void = { _ in }
  )
    -> Host
  {
    var configuration = UTPConfiguration()
    change(&configuration)
    let address = IPAddress(v4: 0x0a00_0001 + UInt32(hosts.count))
    let socket = UTPSocket(configuration, seed: (random.next(), random.next()))
    let host = Host(
      number: hosts.count, side: side, endpoint: Endpoint(address, port: 6881), clock: clock, skew: skew,
      socket)
    hosts.append(host)
    return host
  }

  func flow(side: Int, at time: UInt64) -> ReferenceFlow {
    let flow = ReferenceFlow(number: flows.count, side: side, network: self)
    flows.append(flow)
    call(at: time) { flow.start() }
    return flow
  }

  func call(at time: UInt64, _ body: @escaping () -> Void) {
    calls.append(body)
    schedule(.call(calls.count - 1), at: time)
  }

  /// Runs until `seconds` have passed since the start, or `isDone`.
  func run(until seconds: Double, isDone: () -> Bool = { false }) {
    let end = UInt64(seconds * 1e6)
    while let next = queue.first, next.time <= end, !isDone() {
      pop()
      now = next.time
      handle(next.event)
    }
    if !isDone() { now = end }
  }

  private func handle(_ event: Event) {
    switch event {
    case .datagram(let to, let from, let bytes):
      let host = hosts[to]
      host.receive(bytes, from: hosts[from].endpoint, at: now)
      flush(host)
    case .wake(let number):
      let host = hosts[number]
      guard host.wakesAt <= now else { return }
      host.wakesAt = .max
      host.advance(at: now)
      flush(host)
    case .segment(let flow, let number): flows[flow].arrived(number)
    case .acknowledgement(let flow, let number): flows[flow].acknowledged(number)
    case .call(let index): calls[index]()
    }
  }

  /// Sends what a host has to say.
  func flush(_ host: Host) {
    host.serve(at: now)
    var isDone = false
    while !isDone {
      isDone = host.socket.fill(&batch, now: host.local(now))
      for datagram in batch.datagrams {
        let bytes = Array(batch.bytes[datagram.range])
        guard let target = hosts.first(where: { $0.endpoint == datagram.destination }) else { continue }
        send(bytes, from: host.number, to: target.number, isWhole: datagram.isProbe)
      }
      batch.removeAll()
    }
    if let deadline = host.socket.deadline {
      let time = max(host.global(deadline), now + 1)
      if time < host.wakesAt {
        host.wakesAt = time
        schedule(.wake(host.number), at: time)
      }
    }
  }

  func send(_ bytes: [UInt8], from: Int, to: Int, isWhole: Bool = false) {
    var bytes = bytes
    if let tamper, !tamper(&bytes, from, to) { return }
    let side = hosts[from].side
    let copies = random.chance(links[side].duplication) ? 2 : 1
    for _ in 0..<copies {
      if let arrival = links[side].send(bytes.count + 28, isWhole: isWhole, now: now, &random) {
        schedule(.datagram(to: to, from: from, bytes: bytes), at: arrival)
      }
    }
  }

  func sendSegment(_ number: Int, of flow: ReferenceFlow) {
    if let arrival = links[flow.side].send(ReferenceFlow.size, now: now, &random) {
      schedule(.segment(flow.number, number: number), at: arrival)
    }
  }

  func sendAcknowledgement(_ number: Int, of flow: ReferenceFlow) {
    if let arrival = links[1 - flow.side].send(40, now: now, &random) {
      schedule(.acknowledgement(flow.number, number: number), at: arrival)
    }
  }

  private func schedule(_ event: Event, at time: UInt64) {
    order += 1
    queue.append(Entry(time: time, order: order, event: event))
    var index = queue.count - 1
    while index > 0, precedes(index, (index - 1) / 2) {
      queue.swapAt(index, (index - 1) / 2)
      index = (index - 1) / 2
    }
  }

  private func pop() {
    let last = queue.removeLast()
    guard !queue.isEmpty else { return }
    queue[0] = last
    var index = 0
    while true {
      var least = index
      let child = 2 * index + 1
      if child < queue.count, precedes(child, least) { least = child }
      if child + 1 < queue.count, precedes(child + 1, least) { least = child + 1 }
      guard least != index else { return }
      queue.swapAt(index, least)
      index = least
    }
  }

  private func precedes(_ one: Int, _ other: Int) -> Bool {
    let (one, other) = (queue[one], queue[other])
    return one.time < other.time || one.time == other.time && one.order < other.order
  }
}
