import Addresses
import MainlineDHT

/// Numbers that a seed determines (SplitMix64).
final class Numbers: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  func number(below bound: Int) -> Int { Int(truncatingIfNeeded: next() % UInt64(bound)) }
  func unit() -> Double { Double(next() >> 11) / Double(1 << 53) }
}

/// Somebody at an address of a `VirtualNetwork`.
protocol Player: AnyObject {
  var deadline: Double { get }
  func receive(_ message: Message, from endpoint: Endpoint, now: Double)
  func tick(now: Double)
  func takeDatagrams() -> [Datagram]
}

extension DHTNode: Player {}

/// Datagrams that travel in virtual time, late by 20 to 150 ms, some of them lost.
final class VirtualNetwork {
  private enum Happening {
    case arrival(to: Endpoint, from: Endpoint, Message)
    case tick(Endpoint)
    case action(() -> Void)
  }

  private struct Entry {
    let time: Double
    let order: Int
    let happening: Happening

    static func < (one: Entry, other: Entry) -> Bool {
      one.time == other.time ? one.order < other.order : one.time < other.time
    }
  }

  private(set) var now = 0.0
  private(set) var players: [Endpoint: any Player] = [:]
  private var ticks: [Endpoint: Double] = [:]
  private var heap: [Entry] = []
  private var count = 0
  private(set) var messages = 0
  let numbers: Numbers
  var loss = 0.0
  /// Whether messages take the form of datagrams on their way.
  var encodes = false
  /// Sees all that is sent.
  var tap: ((Datagram, Endpoint) -> Void)?

  init(seed: UInt64) { numbers = Numbers(seed: seed) }

  func add(_ player: any Player, at endpoint: Endpoint) {
    players[endpoint] = player
    settle(endpoint)
  }

  func remove(_ endpoint: Endpoint) {
    players[endpoint] = nil
    ticks[endpoint] = nil
  }

  /// Runs `action` after `seconds`.
  func after(_ seconds: Double, _ action: @escaping () -> Void) { push(now + seconds, .action(action)) }

  /// Lets a player do something, and sends what comes of it.
  func at(_ endpoint: Endpoint, _ action: () -> Void) {
    action()
    settle(endpoint)
  }

  /// Lets time pass.
  func run(for seconds: Double) {
    let end = now + seconds
    while let first = heap.first, first.time <= end {
      now = max(now, first.time)
      handle(pop().happening)
    }
    now = end
  }

  /// Lets time pass until something is so; false if it is not after `seconds`.
  func run(upTo seconds: Double, until isDone: () -> Bool) -> Bool {
    let end = now + seconds
    while !isDone() {
      guard let first = heap.first, first.time <= end else { return false }
      now = max(now, first.time)
      handle(pop().happening)
    }
    return true
  }

  private func handle(_ happening: Happening) {
    switch happening {
    case .arrival(let to, let from, let message):
      guard let player = players[to] else { return }
      player.receive(message, from: from, now: now)
      settle(to)
    case .tick(let endpoint):
      guard let player = players[endpoint], let due = ticks[endpoint], due <= now else { return }
      ticks[endpoint] = nil
      player.tick(now: now)
      settle(endpoint)
    case .action(let action): action()
    }
  }

  private func settle(_ endpoint: Endpoint) {
    guard let player = players[endpoint] else { return }
    for datagram in player.takeDatagrams() {
      messages += 1
      tap?(datagram, endpoint)
      guard numbers.unit() >= loss else { continue }
      var message = datagram.message
      if encodes {
        do { message = try Message(datagram.bytes) } catch { preconditionFailure("\(error)") }
      }
      push(now + 0.02 + 0.13 * numbers.unit(), .arrival(to: datagram.endpoint, from: endpoint, message))
    }
    let deadline = player.deadline
    if deadline.isFinite, deadline < ticks[endpoint] ?? .infinity {
      ticks[endpoint] = max(deadline, now)
      push(max(deadline, now), .tick(endpoint))
    }
  }

  private func push(_ time: Double, _ happening: Happening) {
    count += 1
    heap.append(Entry(time: time, order: count, happening: happening))
    var child = heap.count - 1
    while child > 0, heap[child] < heap[(child - 1) / 2] {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  private func pop() -> Entry {
    heap.swapAt(0, heap.count - 1)
    let first = heap.removeLast()
    var parent = 0
    while true {
      var child = 2 * parent + 1
      guard child < heap.count else { return first }
      if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
      guard heap[child] < heap[parent] else { return first }
      heap.swapAt(parent, child)
      parent = child
    }
  }
}
