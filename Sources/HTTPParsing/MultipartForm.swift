/// Takes a form with files apart as it comes in (`multipart/form-data`, RFC 7578): parts of any size in bounded
/// memory. It does not matter where the bytes are cut.
public struct MultipartForm: Sendable {
  /// What a piece of the body turned out to be.
  public enum Event: Sendable, Equatable {
    /// A field begins.
    case begin(Part)
    /// Some of its value.
    case data([UInt8])
    /// Its value is complete.
    case end
  }

  /// What a field's head says.
  public struct Part: Sendable, Equatable {
    /// The name of the field.
    public let name: String
    /// The name of the file on the client's side, for people: not to be used as a path. `nil` if it is no file.
    public let fileName: String?
    /// What the client takes the file for.
    public let contentType: String?
  }

  /// Why a body is not read any further.
  public enum Fault: Error, Sendable, Equatable {
    /// A field's head is malformed or has no name.
    case head
    /// A field's head is longer, or there are more fields, than is allowed.
    case size
    /// The body has ended before its last boundary.
    case cut
  }

  private enum State {
    case preamble, head, value, epilogue
  }

  /// Bytes of a field's head at most.
  public static let maximumHead = 8 << 10
  private let delimiter: [UInt8]
  private let maximumParts: Int
  private var state = State.preamble
  private var parts = 0
  /// What may be the start of a boundary, or of a head. The first boundary has no line before it.
  private var pending: [UInt8] = [13, 10]

  /// Begins to read a body whose `Content-Type` is this; `nil` if that is no form with a boundary.
  public init?(contentType: String, maximumParts: Int = 100) {
    let parts = HeaderValue(contentType)
    guard parts.text.lowercased() == "multipart/form-data", let boundary = parts["boundary"],
      1...70 ~= boundary.utf8.count
    else { return nil }
    delimiter = [13, 10, 45, 45] + boundary.utf8
    self.maximumParts = maximumParts
  }

  /// Whether the last boundary has come.
  public var isComplete: Bool { state == .epilogue }

  /// Takes some more of the body.
  public mutating func append(_ bytes: [UInt8]) throws(Fault) -> [Event] {
    guard state != .epilogue else { return [] }
    pending += bytes
    var events: [Event] = []
    while try step(&events) {}
    return events
  }

  /// Says that the body has ended.
  public func finish() throws(Fault) {
    guard isComplete else { throw .cut }
  }

  /// Takes one thing out of what is there; false if more has to come.
  private mutating func step(_ events: inout [Event]) throws(Fault) -> Bool {
    switch state {
    case .epilogue:
      pending = []
      return false
    case .preamble, .value: return try nextBoundary(&events)
    case .head:
      guard let end = pending.firstRange(of: [13, 10, 13, 10]) else {
        guard pending.count <= Self.maximumHead else { throw .size }
        return false
      }
      guard end.lowerBound <= Self.maximumHead, parts < maximumParts else { throw .size }
      parts += 1
      events.append(.begin(try Self.part(pending[..<end.lowerBound])))
      pending.removeFirst(end.upperBound)
      state = .value
      return true
    }
  }

  /// Looks for the next boundary; what comes before it goes to `events`, if it is a value.
  private mutating func nextBoundary(_ events: inout [Event]) throws(Fault) -> Bool {
    guard let found = pending.firstRange(of: delimiter) else {
      // The end may be the start of a boundary.
      let count = pending.count - delimiter.count + 1
      if count > 0 {
        if state == .value { events.append(.data(Array(pending[..<count]))) }
        pending.removeFirst(count)
      }
      return false
    }
    // Two bytes more tell whether it is the last one; blanks may stand before a line's end.
    var after = found.upperBound
    while after < pending.count, pending[after] == 32 || pending[after] == 9 { after += 1 }
    guard after + 1 < pending.count else {
      guard after - found.upperBound < 64 else { throw .head }
      return false
    }
    let isLast = pending[after] == 45 && pending[after + 1] == 45
    guard isLast || pending[after] == 13 && pending[after + 1] == 10 else { throw .head }
    if state == .value {
      if found.lowerBound > 0 { events.append(.data(Array(pending[..<found.lowerBound]))) }
      events.append(.end)
    }
    // A head without fields ends with the line's end that ends the boundary.
    pending.removeFirst(after)
    state = isLast ? .epilogue : .head
    return true
  }

  private static func part(_ head: ArraySlice<UInt8>) throws(Fault) -> Part {
    var disposition: HeaderValue?
    var contentType: String?
    for line in String(decoding: head, as: UTF8.self).split(separator: "\r\n") {
      guard let colon = line.firstIndex(of: ":") else { throw .head }
      let value = String(line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" })
      switch line[..<colon].lowercased() {
      case "content-disposition": disposition = HeaderValue(value)
      case "content-type": contentType = value
      default: break
      }
    }
    guard let disposition, disposition.text.lowercased() == "form-data", let name = disposition["name"] else {
      throw .head
    }
    return Part(name: name, fileName: disposition["filename"], contentType: contentType)
  }
}
