import Glibc

/// A stream that fills queues, as TCP does: Reno's window, with selective acknowledgements.
final class ReferenceFlow {
  static let size = 1500

  let number: Int
  let side: Int
  private unowned let network: Network
  private var window = 10.0
  private var threshold = Double.infinity
  private var next = 0
  private var underWay: Set<Int> = []
  private var order: [Int] = []
  private var firstInOrder = 0
  private var newest = -1
  private var recovery = 0
  private var lastHeard: UInt64 = 0
  /// Bytes that arrived, with the time.
  private(set) var received = 0
  private var isRunning = false

  init(number: Int, side: Int, network: Network) {
    self.number = number
    self.side = side
    self.network = network
  }

  func start() {
    isRunning = true
    watch()
    send()
  }

  func stop() { isRunning = false }

  private func send() {
    while isRunning, underWay.count < Int(window) {
      underWay.insert(next)
      order.append(next)
      network.sendSegment(next, of: self)
      next += 1
    }
  }

  func arrived(_ number: Int) {
    received += Self.size - 40
    network.sendAcknowledgement(number, of: self)
  }

  func acknowledged(_ number: Int) {
    lastHeard = network.now
    guard underWay.remove(number) != nil else { return }
    newest = max(newest, number)
    window += window < threshold ? 1 : 1 / window
    while firstInOrder < order.count, order[firstInOrder] + 3 <= newest {
      let old = order[firstInOrder]
      firstInOrder += 1
      // What is lost is replaced by a new segment: the content does not matter here.
      if underWay.remove(old) != nil, old >= recovery { reduce() }
    }
    send()
  }

  private func reduce() {
    recovery = next
    window = max(window / 2, 2)
    threshold = window
  }

  /// Stands in for the time-out.
  private func watch() {
    network.call(at: network.now + 1_000_000) { [self] in
      guard isRunning else { return }
      if network.now - lastHeard > 900_000 {
        underWay = []
        window = 2
      }
      watch()
      send()
    }
  }
}

func compare(
  _ one: UnsafeRawBufferPointer, _ from: Int, _ other: UnsafeRawBufferPointer, _ start: Int, _ count: Int
) -> Bool {
  guard count > 0, let a = one.baseAddress, let b = other.baseAddress else { return count == 0 }
  return memcmp(a + from, b + start, count) == 0
}
