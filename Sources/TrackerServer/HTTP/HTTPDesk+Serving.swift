import Addresses
import Bytes
import EventLoop
import HTTPParsing
import HTTPServer
internal import Synchronization

extension HTTPDesk {
  /// What is to be done with a connection after what it sent was looked at.
  private enum Verdict {
    /// All of it was answered, or as much as is answered at once.
    case answered
    /// A head has begun and is not complete.
    case incomplete
    /// The next request is for the library.
    case elsewhere
    /// It asked to be closed.
    case last
    /// It sent what cannot be understood: nothing behind that means anything.
    case broken
  }

  /// Rounds that a connection gets before others have their turn.
  private static let rounds = 4

  /// Answers what has come on a connection, as far as it is complete.
  func serve(_ connection: HTTPConnection, on loop: isolated Loop) {
    for _ in 0..<Self.rounds {
      let count = unsafe TCP.peek(connection.descriptor, into: window)
      guard count > 0 else {
        guard count < 0, TCP.hasToWait else { return close(connection) }
        return wait(connection, on: loop)
      }
      if connection.phase == .lingering {
        TCP.discard(connection.descriptor, count)
        continue
      }
      // Awake, and nothing new: the other end has stopped sending.
      guard count > connection.searched else { return close(connection) }
      if connection.awaitsProxyHeader {
        guard takeProxyHeader(connection, count, on: loop) else { return }
        continue
      }
      if connection.isSecure { return handOver(connection, on: loop) }
      guard step(connection, count, on: loop) else { return }
    }
    // It stays ready: what it has sent is still there.
    wait(connection, on: loop)
  }

  /// Answers what is in the window; true if it makes sense to look again at once.
  private func step(_ connection: HTTPConnection, _ count: Int, on loop: isolated Loop) -> Bool {
    output.removeAll(keepingCapacity: true)
    date(on: loop)
    let (verdict, used) = read(connection, count)
    if !output.isEmpty { send(connection) }
    if used > 0 { TCP.discard(connection.descriptor, verdict == .broken ? count : used) }
    connection.searched = 0
    switch verdict {
    case .broken, .last:
      connection.isLast = true
      finish(connection, isClean: verdict == .last && used == count, on: loop)
      return false
    case .incomplete:
      connection.enter(connection.unsent.isEmpty ? .reading : .writing, now: loop.now)
      connection.wake(beyond: count - used)
      wait(connection, on: loop)
      return false
    case .elsewhere where connection.unsent.isEmpty:
      handOver(connection, on: loop)
      return false
    case .answered, .elsewhere:
      connection.wake(beyond: 0)
      connection.phase = .resting
      connection.since = loop.now
      guard connection.unsent.isEmpty else {
        connection.enter(.writing, now: loop.now)
        wait(connection, on: loop)
        return false
      }
      guard used == count else { return true }
      wait(connection, on: loop)
      return false
    }
  }

  /// Answers the requests in the window: what comes next, and the bytes that are done with.
  private func read(_ connection: HTTPConnection, _ count: Int) -> (Verdict, Int) {
    let bytes = unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: window[..<count]))
    var offset = 0
    while offset < count {
      guard
        let end = RequestHead.end(in: bytes, from: offset, searchedTo: offset == 0 ? connection.searched : 0)
      else {
        guard count - offset < Self.maximumHead else {
          appendFault(.size)
          return (.broken, count)
        }
        return (.incomplete, offset)
      }
      let head: RequestHead
      do throws(RequestHeadFault) {
        guard end - offset <= Self.maximumHead else { throw RequestHeadFault.size }
        head = try RequestHead(bytes, from: offset, to: end)
      } catch {
        appendFault(error)
        return (.broken, count)
      }
      switch answer(head, bytes, connection) {
      case .answered: offset = end
      case .last: return (.last, end)
      case let other: return (other, other == .broken ? count : offset)
      }
      if output.count >= Self.maximumBatch { break }
    }
    return (.answered, offset)
  }

  /// Appends the answer to one request to the output.
  private func answer(_ head: RequestHead, _ bytes: RawSpan, _ connection: HTTPConnection) -> Verdict {
    let route = RequestRoute(head, bytes)
    guard route != .elsewhere else { return .elsewhere }
    // Nobody sends a body with these; what it would mean to others on the way is not to be found out.
    guard head.bodySize == 0 else {
      appendFault(.length)
      return .broken
    }
    body.removeAll(keepingCapacity: true)
    guard let client = proxies.client(of: head, bytes, source: connection.client.address) else {
      responder.refuse(ProxyRules.missing, into: &body)
      appendHead(status: 400, isKeptAlive: false, isVersion11: true)
      return .broken
    }
    let query = bytes.extracting(head.query)
    switch route {
    case .announce(let passkey): responder.announce(query, from: client, passkey: passkey, into: &body)
    case .scrape(let passkey):
      guard responder.scrape(query, passkey: passkey, into: &body) else { return .elsewhere }
    case .elsewhere: return .elsewhere
    }
    appendHead(status: 200, isKeptAlive: head.isKeptAlive, isVersion11: head.isVersion11)
    return head.isKeptAlive ? .answered : .last
  }

  private func appendFault(_ fault: RequestHeadFault) {
    body.removeAll(keepingCapacity: true)
    responder.refuse(fault.reason.description, into: &body)
    appendHead(status: fault.status, isKeptAlive: false, isVersion11: true)
  }

  /// Appends the head of an answer and the body behind it.
  private func appendHead(status: Int, isKeptAlive: Bool, isVersion11: Bool) {
    switch status {
    case 200: output.append(text: "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ")
    case 431:
      output.append(text: "HTTP/1.1 431 Header Too Large\r\nContent-Type: text/plain\r\nContent-Length: ")
    case 501:
      output.append(text: "HTTP/1.1 501 Not Implemented\r\nContent-Type: text/plain\r\nContent-Length: ")
    case 505:
      output.append(text: "HTTP/1.1 505 Version Unknown\r\nContent-Type: text/plain\r\nContent-Length: ")
    default: output.append(text: "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: ")
    }
    output.append(decimal: body.count)
    output.append(contentsOf: dateField)
    if !isKeptAlive {
      output.append(text: "\r\nConnection: close\r\n\r\n")
    } else if isVersion11 {
      output.append(text: "\r\n\r\n")
    } else {
      output.append(text: "\r\nConnection: keep-alive\r\n\r\n")
    }
    output.append(contentsOf: body)
  }

  // MARK: Sending and ending

  private func send(_ connection: HTTPConnection) {
    let sent = unsafe output.withUnsafeBytes { unsafe TCP.send(connection.descriptor, $0) }
    guard sent < output.count else { return }
    // An error shows again when it is written to, or read from, next.
    connection.unsent = Array(output[max(0, sent)...])
  }

  /// Sends what is left; true if nothing is.
  func flush(_ connection: HTTPConnection, on loop: isolated Loop) -> Bool {
    let sent = unsafe connection.unsent.withUnsafeBytes { unsafe TCP.send(connection.descriptor, $0) }
    guard sent > 0 || TCP.hasToWait else {
      close(connection)
      return false
    }
    connection.unsent.removeFirst(max(0, sent))
    guard connection.unsent.isEmpty else { return false }
    connection.unsent = []
    if connection.isLast {
      finish(connection, isClean: false, on: loop)
      return false
    }
    // What came meanwhile is looked at from its start, as if it had just come.
    connection.searched = 0
    connection.enter(.resting, now: loop.now)
    return true
  }

  /// Closes a connection once everything is sent. `isClean` if nothing that it sent is left unread.
  private func finish(_ connection: HTTPConnection, isClean: Bool, on loop: isolated Loop) {
    guard connection.unsent.isEmpty else {
      connection.enter(.writing, now: loop.now)
      return wait(connection, on: loop)
    }
    if isClean { return close(connection) }
    TCP.finish(connection.descriptor)
    connection.wake(beyond: 0)
    connection.enter(.lingering, now: loop.now)
    wait(connection, on: loop)
  }

  /// Gives a connection to the library, with all that is unread.
  func handOver(_ connection: HTTPConnection, on loop: isolated Loop) {
    connection.wake(beyond: 0)
    remove(connection)
    let library = connection.isSecure ? plan.secureLibrary : plan.library
    guard let library else { return TCP.close(connection.descriptor) }
    plan.core.counters.httpHandedOver.add(1, ordering: .relaxed)
    library.adopt(connection.descriptor, from: connection.client)
  }

  /// Takes what a proxy sends first; true once it is all there.
  private func takeProxyHeader(_ connection: HTTPConnection, _ count: Int, on loop: isolated Loop) -> Bool {
    let bytes = unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: window[..<count]))
    switch ProxyHeader(bytes) {
    case .incomplete:
      connection.wake(beyond: count)
      wait(connection, on: loop)
      return false
    case .malformed:
      close(connection)
      return false
    case .complete(let size, let client):
      TCP.discard(connection.descriptor, size)
      connection.awaitsProxyHeader = false
      connection.wake(beyond: 0)
      if let client { connection.client = client }
      return true
    }
  }
}
