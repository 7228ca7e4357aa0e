import Addresses
import EventLoop
import Proxy
import Testing

/// Datagrams of a socket whose only way is the relay of a SOCKS proxy.
@Suite(.timeLimit(.minutes(1))) struct RelayedSocketTests {
  /// Keeps what comes.
  private final class Receiver: DatagramHandler {
    let socket: UDPSocket
    var seen: [(bytes: [UInt8], from: Endpoint)] = []
    private var waiting: (count: Int, then: CheckedContinuation<Void, Never>)?
    private var limit: LoopTimer?

    init(_ socket: UDPSocket) { self.socket = socket }

    func received(_ datagram: RawSpan, from remote: Endpoint, on loop: isolated Loop) {
      seen.append((datagram.withUnsafeBytes { Array($0) }, remote))
    }

    func receivedAll(on loop: isolated Loop) { if seen.count >= waiting?.count ?? .max { end() } }

    func wait(for count: Int, _ then: CheckedContinuation<Void, Never>, on loop: isolated Loop) {
      waiting = (count, then)
      let me = Confined(self, on: loop)
      limit = loop.timer { loop in me.value(on: loop).end() }
      limit?.set(after: 5)
      receivedAll(on: loop)
    }

    private func end() {
      limit?.close()
      limit = nil
      waiting?.then.resume()
      waiting = nil
    }
  }

  /// A socket behind a relay, and the relay.
  private struct Scene {
    let loop: Loop
    let inside: Confined<Receiver>
    let relay: Confined<Receiver>

    init(_ loop: Loop, isV4: Bool = true) async throws {
      self.loop = loop
      (inside, relay) = try await loop.perform { loop in
        let inside = Receiver(UDPSocket(relayedFor: isV4))
        let (descriptor, bound) = try UDPSocket.bind(to: Endpoint(.loopbackV4, port: 0))
        let relay = Receiver(UDPSocket(descriptor, bound: bound))
        let isStarted = inside.socket.start(inside, on: loop) && relay.socket.start(relay, on: loop)
        try #require(isStarted)
        return (Confined(inside, on: loop), Confined(relay, on: loop))
      }
    }

    /// Where the socket sends from once it has the relay.
    @discardableResult
    func attach() async throws -> Endpoint {
      try await loop.perform { [inside, relay] loop in
        let (descriptor, bound) = try UDPSocket.bind(to: Endpoint(.loopbackV4, port: 0))
        let isAttached = inside.value(on: loop).socket.attach(
          descriptor, to: relay.value(on: loop).socket.bound, on: loop)
        try #require(isAttached)
        return bound
      }
    }

    func send(_ bytes: [UInt8], to remote: Endpoint) async {
      await loop.perform { [inside] loop in
        inside.value(on: loop).socket.send(bytes.span.bytes, to: remote, on: loop)
      }
    }

    /// What came to the relay, once it is so many.
    func relayed(_ count: Int) async -> [[UInt8]] {
      await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
        loop.post { [relay] loop in relay.value(on: loop).wait(for: count, done, on: loop) }
      }
      return await loop.perform { [relay] loop in relay.value(on: loop).seen.map(\.bytes) }
    }

    func close() async {
      await loop.perform { [inside, relay] loop in
        inside.value(on: loop).socket.close(on: loop)
        relay.value(on: loop).socket.close(on: loop)
      }
    }
  }

  private static let v4 = Endpoint(IPAddress(v4: 0xc000_0201), port: 6881)
  private static let v6 = Endpoint(IPAddress("2001:db8::1") ?? .anyV6, port: 6881)

  @Test func sendsAllToTheRelayAndNothingBeforeThereIsOne() async throws {
    try await withLoop { loop in
      let scene = try await Scene(loop)
      await scene.send([1], to: Self.v4)
      #expect(await loop.perform { loop in scene.inside.value(on: loop).socket.lost } == 1)
      try await scene.attach()
      for number in 2..<40 { await scene.send([UInt8(number), 9], to: Self.v4) }
      // Of the family that it is not for nothing leaves, either.
      await scene.send([1], to: Self.v6)
      let named: [UInt8] = [7]
      await loop.perform { loop in
        scene.inside.value(on: loop).socket.send(named.span.bytes, for: .name("a", port: 80), on: loop)
      }
      let seen = await scene.relayed(39)
      let header: [UInt8] = [0, 0, 0, 1, 192, 0, 2, 1, 0x1a, 0xe1]
      #expect(seen == (2..<40).map { header + [UInt8($0), 9] } + [[0, 0, 0, 3, 1, 97, 0, 80, 7]])
      await loop.perform { loop in scene.inside.value(on: loop).socket.detach() }
      await scene.send([1], to: Self.v4)
      #expect(await loop.perform { loop in scene.inside.value(on: loop).socket.lost } == 2)
      await scene.close()
    }
  }

  @Test func takesOnlyWhatTheRelayHasFromItsFamily() async throws {
    try await withLoop { loop in
      let scene = try await Scene(loop)
      let bound = try await scene.attach()
      let good = SOCKS5Datagram.wrapped(([1, 2, 3] as [UInt8]).span.bytes, for: .address(Self.v4))
      let other = SOCKS5Datagram.wrapped(([4] as [UInt8]).span.bytes, for: .address(Self.v6))
      let stranger = try await loop.perform { loop in
        let (descriptor, bound) = try UDPSocket.bind(to: Endpoint(.loopbackV4, port: 0))
        return Confined(UDPSocket(descriptor, bound: bound), on: loop)
      }
      await loop.perform { loop in
        stranger.value(on: loop).send(good.span.bytes, to: bound, on: loop)
        let relay = scene.relay.value(on: loop).socket
        let short = Array(good.prefix(10))
        let fragment = [0, 0, 1] + Array(good[3...])
        for bytes in [other, short, fragment, [1], good] { relay.send(bytes.span.bytes, to: bound, on: loop) }
      }
      await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
        loop.post { loop in scene.inside.value(on: loop).wait(for: 1, done, on: loop) }
      }
      let seen = await loop.perform { loop in scene.inside.value(on: loop).seen.map { ($0.bytes, $0.from) } }
      #expect(seen.count == 1 && seen.first?.0 == [1, 2, 3] && seen.first?.1 == Self.v4)
      #expect(await loop.perform { loop in scene.inside.value(on: loop).socket.strangers } == 5)
      await loop.perform { loop in stranger.value(on: loop).close(on: loop) }
      await scene.close()
    }
  }

  /// A path that cannot be asked gets no datagram that is larger than most paths take.
  @Test func sendsWholeOnlyWhatIsSmall() async throws {
    try await withLoop { loop in
      let scene = try await Scene(loop)
      try await scene.attach()
      let results = await loop.perform { loop in
        [1400, 1401].map { size in
          let bytes = [UInt8](repeating: 1, count: size)
          return scene.inside.value(on: loop).socket.sendWhole(bytes.span.bytes, to: Self.v4)
        }
      }
      #expect(results == [true, false])
      #expect(await scene.relayed(1).first?.count == 1410)
      await scene.close()
    }
  }
}
