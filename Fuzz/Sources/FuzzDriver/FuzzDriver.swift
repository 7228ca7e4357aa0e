// FuzzDriver: the way into libFuzzer's runtime, whose own main is left out for Swift's.

/// What is done with one input; returns 0.
public typealias FuzzBody = @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
  _ count: UnsafeMutablePointer<CInt>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>, _ body: FuzzBody
) -> CInt

/// Hands the process to libFuzzer, which calls `body` with one input after another. Returns its exit code.
public func fuzz(_ body: FuzzBody) -> CInt {
  var count = CommandLine.argc
  var arguments = CommandLine.unsafeArgv
  return runDriver(&count, &arguments, body)
}

/// A copy of an input, so that reads past its end are found by the array's own bounds.
public func bytes(_ start: UnsafePointer<UInt8>?, _ count: Int) -> [UInt8] {
  Array(UnsafeBufferPointer(start: start, count: count))
}

/// An input that is eaten from the front.
public struct Script {
  private var rest: ArraySlice<UInt8>

  /// Starts at the front of `bytes`.
  public init(_ bytes: [UInt8]) { rest = bytes[...] }

  /// The next byte, or `nil` at the end.
  public mutating func byte() -> UInt8? { rest.popFirst() }

  /// All that is left.
  public mutating func remainder() -> [UInt8] {
    defer { rest = [] }
    return Array(rest)
  }
}
