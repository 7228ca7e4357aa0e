import Addresses
import EventLoop
import Testing

/// Collects what a socket receives; sends everything back if it is an echo.
private final class Receiver: DatagramHandler {
  let socket: UDPSocket
  let isEcho: Bool
  var seen: [[UInt8]] = []
  var remotes: Set<Endpoint> = []
  var expected = Int.max
  private var done: CheckedContinuation<Void, Never>?
  private var limit: LoopTimer?

  init(_ socket: UDPSocket, isEcho: Bool) {
    self.socket = socket
    self.isEcho = isEcho
  }

  func received(_ datagram: RawSpan, from remote: Endpoint, on loop: isolated Loop) {
    seen.append(datagram.withUnsafeBytes { Array($0) })
    remotes.insert(remote)
    if isEcho { socket.send(datagram, to: remote, on: loop) }
  }

  /// Resumes `done` when all is there, or after ten seconds.
  func wait(_ done: CheckedContinuation<Void, Never>, on loop: isolated Loop) {
    self.done = done
    let me = Confined(self, on: loop)
    limit = loop.timer { loop in me.value(on: loop).end() }
    limit?.set(after: 10)
  }

  func receivedAll(on loop: isolated Loop) {
    if seen.count >= expected { end() }
  }

  private func end() {
    limit?.close()
    limit = nil
    done?.resume()
    done = nil
  }
}

@Suite(.timeLimit(.minutes(1))) struct UDPSocketTests {
  private func receiver(on address: IPAddress, isEcho: Bool, _ loop: Loop) async throws -> Confined<Receiver>
  {
    try await loop.perform { loop in
      let (descriptor, bound) = try UDPSocket.bind(to: Endpoint(address, port: 0))
      let receiver = Receiver(UDPSocket(descriptor, bound: bound), isEcho: isEcho)
      let isStarted = receiver.socket.start(receiver, on: loop)
      try #require(isStarted)
      return Confined(receiver, on: loop)
    }
  }

  private func datagram(_ number: Int, size: Int) -> [UInt8] {
    (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ number) }
  }

  @Test(arguments: ["127.0.0.1", "::1"])
  func datagramsComeBackWholeFromWhereTheyWereSent(_ text: String) async throws {
    let address = try #require(IPAddress(text))
    try await withLoop { loop in
      let echo = try await receiver(on: address, isEcho: true, loop)
      let asking = try await receiver(on: address, isEcho: false, loop)
      let remote = await loop.perform { loop in echo.value(on: loop).socket.bound }
      // More than a batch, of many sizes, and no more than the system's buffers surely hold.
      let sent = (0..<80).map { datagram($0, size: 1 + $0 * 13) }
      await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
        loop.post { loop in
          let asking = asking.value(on: loop)
          asking.expected = sent.count
          asking.wait(done, on: loop)
          for bytes in sent { asking.socket.send(bytes.span.bytes, to: remote, on: loop) }
        }
      }
      await loop.perform { loop in
        #expect(asking.value(on: loop).seen == sent)
        #expect(asking.value(on: loop).remotes == [remote])
        #expect(echo.value(on: loop).remotes == [asking.value(on: loop).socket.bound])
        #expect(asking.value(on: loop).socket.lost == 0)
        echo.value(on: loop).socket.close(on: loop)
        asking.value(on: loop).socket.close(on: loop)
      }
    }
  }

  @Test func datagramsOfOneSizeThatAreCutByTheSystemComeOneByOne() async throws {
    try await withLoop { loop in
      let asking = try await receiver(on: .loopbackV4, isEcho: false, loop)
      let sent = (0..<70).map { datagram($0, size: $0 == 69 ? 7 : 1000) }
      await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
        loop.post { loop in
          let asking = asking.value(on: loop)
          asking.expected = sent.count
          asking.wait(done, on: loop)
          for bytes in sent { asking.socket.send(bytes.span.bytes, to: asking.socket.bound, on: loop) }
        }
      }
      await loop.perform { loop in
        #expect(asking.value(on: loop).seen == sent)
        #expect(asking.value(on: loop).socket.lost == 0)
        asking.value(on: loop).socket.close(on: loop)
      }
    }
  }

  @Test func whatMustNotBeCutIsRefusedIfItIsLargerThanTheInterfaceTakes() async throws {
    try await withLoop { loop in
      let asking = try await receiver(on: .loopbackV4, isEcho: false, loop)
      let isSent = await loop.perform { loop in
        let socket = asking.value(on: loop).socket
        let results = [1000, 65_507].map { size in
          let bytes = datagram(0, size: size)
          return socket.sendWhole(bytes.span.bytes, to: socket.bound)
        }
        socket.close(on: loop)
        return results
      }
      #expect(isSent == [true, true], "the interface takes 65,536 bytes")
      let tooLarge = await loop.perform { loop in
        let bytes = datagram(0, size: 65_508)
        let bound = asking.value(on: loop).socket.bound
        guard let (descriptor, local) = try? UDPSocket.bind(to: Endpoint(.loopbackV4, port: 0)) else {
          return true
        }
        let socket = UDPSocket(descriptor, bound: local)
        let isSent = socket.sendWhole(bytes.span.bytes, to: bound)
        socket.close(on: loop)
        return isSent
      }
      #expect(!tooLarge)
    }
  }

  @Test func datagramsThatAreTooLongOrOfTheOtherFamilyAreDropped() async throws {
    try await withLoop { loop in
      let echo = try await receiver(on: .loopbackV4, isEcho: true, loop)
      let asking = try await receiver(on: .loopbackV4, isEcho: false, loop)
      let remote = await loop.perform { loop in echo.value(on: loop).socket.bound }
      let long = datagram(1, size: 2049)
      let short = datagram(2, size: 100)
      await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
        loop.post { loop in
          let asking = asking.value(on: loop)
          asking.expected = 1
          asking.wait(done, on: loop)
          asking.socket.send(long.span.bytes, to: remote, on: loop)
          if let other = IPAddress("::1") {
            asking.socket.send(short.span.bytes, to: Endpoint(other, port: 9), on: loop)
          }
          asking.socket.send(short.span.bytes, to: remote, on: loop)
        }
      }
      await loop.perform { loop in
        #expect(asking.value(on: loop).seen == [short])
        #expect(echo.value(on: loop).seen == [short])
        echo.value(on: loop).socket.close(on: loop)
        asking.value(on: loop).socket.close(on: loop)
      }
    }
  }

  @Test func aQueueThatIsFullLosesWhatComesOnTop() async throws {
    try await withLoop { loop in
      let asking = try await receiver(on: .loopbackV4, isEcho: false, loop)
      let bytes = datagram(0, size: 2048)
      await loop.perform { loop in
        let socket = asking.value(on: loop).socket
        let fits = UDPSocket.queueLimit / bytes.count
        for _ in 0..<fits + 3 { socket.send(bytes.span.bytes, to: socket.bound, on: loop) }
        #expect(socket.lost == 3)
        socket.close(on: loop)
      }
    }
  }

  @Test func aPortThatIsTakenIsAnErrorThatNamesIt() throws {
    let first = try UDPSocket.bind(to: Endpoint(.loopbackV4, port: 0))
    defer { TCP.close(first.descriptor) }
    #expect {
      _ = try UDPSocket.bind(to: first.bound)
    } throws: { error in
      "\(error)" == "cannot receive datagrams on \(first.bound): Address already in use"
    }
  }
}
