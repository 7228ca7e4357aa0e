import Addresses
import Bytes
import EventLoop
import Metainfo
import Proxy

/// Finds the addresses of hosts that only the proxy may look up: each is sent a question by name, through the relay,
/// and where the answer comes from is where the host is. Confined to the loop of its ports.
final class RelayedNames {
  /// Seconds after which a question is sent again; after the last it is given up.
  private static let pauses = [2.0, 3, 4]
  private static let limit = 64

  private struct Open {
    let host: Node
    let question: [UInt8]
    let then: (isolated Loop, [IPAddress]) -> Void
    var sent = 0
    var due: Instant
  }

  private let ports: [DatagramPort]
  /// A question with a number that the answer repeats, and the number in what may be an answer.
  private let ask: (UInt32) -> [UInt8]
  private let number: (RawSpan) -> UInt32?
  private var open: [UInt32: Open] = [:]
  private var timer: LoopTimer?

  init(
    _ ports: [DatagramPort], ask: @escaping (UInt32) -> [UInt8], number: @escaping (RawSpan) -> UInt32?
  ) {
    self.ports = ports
    self.ask = ask
    self.number = number
  }

  /// Calls `then` with the address that answered first, or with none.
  func find(
    _ host: Node, on loop: isolated Loop, then: @escaping (isolated Loop, [IPAddress]) -> Void
  ) {
    guard open.count < Self.limit, ProxyTarget(host: host.host, port: host.port) != nil else {
      return then(loop, [])
    }
    var key = UInt32.random(in: 0 ... .max)
    while open[key] != nil { key &+= 1 }
    open[key] = Open(host: host, question: ask(key), then: then, due: loop.now)
    if timer == nil {
      let me = Confined(self, on: loop)
      timer = loop.timer { loop in me.value(on: loop).advance(on: loop) }
    }
    advance(on: loop)
  }

  /// Whether a datagram was the answer to such a question.
  func take(_ datagram: RawSpan, from remote: Endpoint, on loop: isolated Loop) -> Bool {
    guard !open.isEmpty, let key = number(datagram), let asked = open[key], asked.host.port == remote.port
    else { return false }
    open[key] = nil
    asked.then(loop, [remote.address])
    return true
  }

  private func advance(on loop: isolated Loop) {
    for (key, var asked) in open where asked.due <= loop.now {
      guard asked.sent < Self.pauses.count,
        let target = ProxyTarget(host: asked.host.host, port: asked.host.port)
      else {
        open[key] = nil
        asked.then(loop, [])
        continue
      }
      asked.due = loop.now + Self.pauses[asked.sent]
      asked.sent += 1
      let question = asked.question
      open[key] = asked
      for port in ports { port.socket.send(question.rawBytes, for: target, on: loop) }
    }
    guard let next = open.values.map(\.due).min() else { return }
    timer?.set(after: max(0.01, next.seconds(since: loop.now)))
  }

  /// Nobody is told any more.
  func close() {
    open = [:]
    timer?.close()
    timer = nil
  }
}
