import Testing

/// `#expect` for conditions that change the values that they ask, which the macro refuses.
func expect(_ condition: Bool, at location: SourceLocation = #_sourceLocation) {
  #expect(condition, sourceLocation: location)
}

/// The same for two values that should be equal: both are shown if they are not.
func expect<Value: Equatable>(
  _ value: Value, is expected: Value, at location: SourceLocation = #_sourceLocation
) {
  #expect(value == expected, sourceLocation: location)
}
