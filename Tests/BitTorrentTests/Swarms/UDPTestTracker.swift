import Addresses
import Bytes
import Digest
import EventLoop
import TrackerProtocol

/// A UDP tracker on loopback, honest or not.
final class UDPTestTracker: Sendable {
  /// What it does wrong.
  enum Fault: String, CaseIterable, Sendable {
    case none, silent, silentAfterConnect, wrongTransaction, spoofedSource, truncatedConnect,
      truncatedAnnounce,
      refuses, refusesConnect, garbage, wrongAction, floods
  }

  /// An announce as it came.
  struct Announce: Sendable {
    let request: AnnounceRequest
    let isV4: Bool
    let data: [UInt8]
  }

  let port: UInt16
  private let loop = Loop(name: "tracker")
  private let state: Confined<State>

  /// Starts one on 127.0.0.1 and, with `onV6`, at the same port of ::1.
  init(_ fault: Fault = .none, onV6: Bool = false) async throws {
    var sockets: [UDPSocket] = []
    while true {
      let v4 = try UDPSocket.bind(to: Endpoint(.loopbackV4, port: 0))
      sockets = [UDPSocket(v4.descriptor, bound: v4.bound)]
      guard onV6, let loopback = IPAddress("::1") else { break }
      guard let v6 = try? UDPSocket.bind(to: Endpoint(loopback, port: v4.bound.port)) else { continue }
      sockets.append(UDPSocket(v6.descriptor, bound: v6.bound))
      break
    }
    let other = try UDPSocket.bind(to: Endpoint(.loopbackV4, port: 0))
    port = sockets[0].bound.port
    let box = Sockets(all: sockets, other: UDPSocket(other.descriptor, bound: other.bound))
    state = await loop.perform { loop in
      let state = State(fault, box)
      for socket in box.all { _ = socket.start(Receiver(state, socket), on: loop) }
      return Confined(state, on: loop)
    }
  }

  /// What has come so far.
  func announces() async -> [Announce] { await loop.perform { loop in self.state.value(on: loop).announces } }

  /// Questions for connection ids so far.
  func connects() async -> Int { await loop.perform { loop in self.state.value(on: loop).connects } }

  func stop() async {
    await loop.perform { loop in self.state.value(on: loop).close(on: loop) }
    loop.stop()
    loop.join()
  }

  /// Carried to the loop before anybody uses them.
  private struct Sockets: @unchecked Sendable {
    let all: [UDPSocket]
    let other: UDPSocket
  }

  private final class Receiver: DatagramHandler {
    private let state: State
    private unowned let socket: UDPSocket

    init(_ state: State, _ socket: UDPSocket) {
      self.state = state
      self.socket = socket
    }

    func received(_ datagram: RawSpan, from remote: Endpoint, on loop: isolated Loop) {
      guard let question = UDPTrackerRequest.decode(datagram) else { return }
      state.answer(question.request, question.transaction, remote, socket, on: loop)
    }

    func receivedAll(on loop: isolated Loop) {}
  }

  private final class State {
    let fault: Fault
    let sockets: Sockets
    var announces: [Announce] = []
    var connects = 0
    var connection: UInt64 = 1000
    var peers: [InfoHash: [Endpoint]] = [:]

    init(_ fault: Fault, _ sockets: Sockets) {
      self.fault = fault
      self.sockets = sockets
    }

    func close(on loop: isolated Loop) {
      for socket in sockets.all + [sockets.other] { socket.close(on: loop) }
    }

    func answer(
      _ request: UDPTrackerRequest, _ transaction: UInt32, _ remote: Endpoint, _ socket: UDPSocket,
      on loop: isolated Loop
    ) {
      if case .connect = request { connects += 1 }
      if fault == .silent { return }
      let reply = self.reply(to: request, remote)
      var bytes = reply.encoded(transaction: transaction, isV6: !remote.address.isV4)
      var source = socket
      switch fault {
      case .silentAfterConnect:
        guard case .connect = request else { return }
        break
      case .wrongTransaction: bytes[7] ^= 1
      case .spoofedSource: source = sockets.other
      case .truncatedConnect: if case .connect = request { bytes.removeLast() }
      case .truncatedAnnounce: if case .announce = request { bytes = Array(bytes.prefix(19)) }
      case .garbage: for index in 8..<bytes.count { bytes[index] = UInt8.random(in: 0...255) }
      case .wrongAction: bytes[3] = 2
      case .floods:
        let rubbish = [UInt8](repeating: 0, count: 1400)
        for _ in 0..<500 { source.send(rubbish.rawBytes, to: remote, on: loop) }
      default: break
      }
      source.send(bytes.rawBytes, to: remote, on: loop)
    }

    private func reply(to request: UDPTrackerRequest, _ remote: Endpoint) -> UDPTrackerReply {
      switch request {
      case .connect:
        if fault == .refusesConnect { return .error("go away") }
        connection += 1
        return .connection(connection)
      case .announce(let request, let used, let data):
        guard fault != .refuses, 1001...connection ~= used || fault != .none else {
          return .error("not registered")
        }
        announces.append(Announce(request: request, isV4: remote.address.isV4, data: data))
        return .announce(reply(to: request, remote))
      case .scrape(let hashes, _):
        return .scrape(hashes.map { SwarmCounts(seeds: peers[$0]?.count ?? 0, leeches: 2, downloaded: 3) })
      }
    }

    private func reply(to request: AnnounceRequest, _ remote: Endpoint) -> AnnounceReply {
      let own = Endpoint(remote.address, port: request.port)
      var reply = AnnounceReply(interval: 1800, seeds: 1, leeches: 1)
      for peer in peers[request.infoHash] ?? [] where peer != own {
        peer.appendCompact(to: &reply.peersV4)
      }
      if request.event != .stopped, remote.address.isV4, !(peers[request.infoHash] ?? []).contains(own) {
        peers[request.infoHash, default: []].append(own)
      }
      return reply
    }
  }
}
