import Addresses
import Bytes
import FuzzDriver
import HTTPParsing

/// What comes on a connection: a PROXY header perhaps, then heads one after the other. It is read the same in one
/// piece and in two.
@main
enum FuzzHTTP {
  static func main() {
    let code = fuzz { start, count in
      FuzzHTTP.examine(bytes(start, count))
      return 0
    }
    precondition(code == 0)
  }

  static func examine(_ input: [UInt8]) {
    guard let cut = input.first else { return }
    var stream = Array(input.dropFirst())
    if case .complete(let size, _) = ProxyHeader(stream.rawBytes) {
      precondition(size > 0 && size <= stream.count)
      for count in 0..<size {
        precondition(ProxyHeader(Array(stream[..<count]).rawBytes) == .incomplete)
      }
      stream.removeFirst(size)
    }
    let whole = heads(stream, cut: stream.count)
    let parts = heads(stream, cut: min(Int(cut), stream.count))
    precondition(whole == parts)
  }

  /// The heads of a stream, of which `cut` bytes are there at first.
  private static func heads(_ stream: [UInt8], cut: Int) -> [RequestHead] {
    var found: [RequestHead] = []
    var start = 0
    let early = Array(stream[..<cut])
    var searched = 0
    while start <= cut, let end = RequestHead.end(in: early.rawBytes, from: start, searchedTo: start) {
      guard let head = check(early, start, end) else { return found }
      found.append(head)
      start = end
    }
    searched = max(start, cut)
    while let end = RequestHead.end(in: stream.rawBytes, from: start, searchedTo: max(start, searched)) {
      guard let head = check(stream, start, end) else { return found }
      found.append(head)
      start = end
    }
    return found
  }

  private static func check(_ bytes: [UInt8], _ start: Int, _ end: Int) -> RequestHead? {
    precondition(end > start && end <= bytes.count)
    guard let head = try? RequestHead(bytes.rawBytes, from: start, to: end) else { return nil }
    precondition(head.end == end && !head.path.isEmpty)
    precondition(head.path.lowerBound > start && head.path.upperBound <= head.query.lowerBound)
    precondition(head.query.upperBound < head.fields.lowerBound && head.fields.upperBound <= end - 2)
    for index in head.path.lowerBound..<head.query.upperBound {
      precondition(bytes[index] > 0x20 && bytes[index] != 0x7f)
    }
    for field in ForwardedField.allCases {
      let client = head.client(of: bytes.rawBytes, by: field) { $0.isPrivate }
      if let client { precondition(IPAddress(client.description) == client) }
    }
    return head
  }
}
