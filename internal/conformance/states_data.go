package conformance

func statesDataCases() []Case {
	return dataCases([]dataCase{
		{name: "a Pass state's Result is its output", page: "state-pass",
			definition: one(`"Type":"Pass","Result":{"a":[1,"two",null]}`), input: `{"in":1}`, output: `{"a":[1,"two",null]}`},
		{name: "InputPath and OutputPath choose a part", page: "input-output-inputpath-params",
			definition: one(`"Type":"Pass","InputPath":"$.a","OutputPath":"$.b"`), input: `{"a":{"b":[1,2]}}`, output: `[1,2]`},
		{name: "a null InputPath is an empty object", page: "input-output-inputpath-params",
			definition: one(`"Type":"Pass","InputPath":null`), input: `{"a":1}`, output: `{}`},
		{name: "a null OutputPath is an empty object", page: "input-output-example",
			definition: one(`"Type":"Pass","OutputPath":null`), input: `{"a":1}`, output: `{}`},
		{name: "ResultPath puts the result into the input", page: "input-output-resultpath",
			definition: one(`"Type":"Pass","Result":7,"ResultPath":"$.a.b"`), input: `{"a":{"c":1},"d":2}`, output: `{"a":{"b":7,"c":1},"d":2}`},
		{name: "a null ResultPath discards the result", page: "input-output-resultpath",
			definition: one(`"Type":"Pass","Result":7,"ResultPath":null`), input: `{"a":1}`, output: `{"a":1}`},
		{name: "Parameters copy from the input and the context", page: "input-output-inputpath-params",
			definition: one(`"Type":"Pass","Parameters":{"fixed":"$.a","copied.$":"$.a","deep":{"list":[{"state.$":"$$.State.Name"}]}}`),
			input:      `{"a":{"b":1}}`, output: `{"fixed":"$.a","copied":{"b":1},"deep":{"list":[{"state":"State"}]}}`},
		{name: "a path that finds nothing in Parameters ends the execution", page: "concepts-error-handling",
			definition: one(`"Type":"Pass","Parameters":{"value.$":"$.no_such_jsonpath"}`), input: `{}`, failure: "States.Runtime",
			cause: "An error occurred while executing the state 'State' (entered at the event id #2). " +
				"The JSONPath '$.no_such_jsonpath' specified for the field 'value.$' could not be found in the input '{}'"},
		{name: "an InputPath that finds nothing ends the execution", page: "concepts-error-handling",
			definition: one(`"Type":"Pass","InputPath":"$.NoSuchInputPath"`), input: `{}`, failure: "States.Runtime",
			cause: "An error occurred while executing the state 'State' (entered at the event id #2). " +
				"Invalid path '$.NoSuchInputPath' : No results for path: $['NoSuchInputPath']"},
		{name: "a path may find several values", page: "amazon-states-language-paths",
			definition: one(`"Type":"Pass","Parameters":{"all.$":"$.items[*].n","slice.$":"$.items[1:3].n","deep.$":"$..n","none.$":"$.items[?(@.n > 9)]","last.$":"$.items[-1].n"}`),
			input:      `{"items":[{"n":1},{"n":2},{"n":3},{"n":4}]}`,
			output:     `{"all":[1,2,3,4],"slice":[2,3],"deep":[1,2,3,4],"none":[],"last":4}`},
		{name: "the context object names execution, state and machine", page: "input-output-contextobject",
			definition: one(`"Type":"Pass","Parameters":{"input.$":"$$.Execution.Input.a","state.$":"$$.State.Name","redrives.$":"$$.Execution.RedriveCount"}`),
			input:      `{"a":1}`, output: `{"input":1,"state":"State","redrives":0}`},
		{name: "a Succeed state takes InputPath and OutputPath", page: "state-succeed",
			definition: `{"StartAt":"Well","States":{"Well":{"Type":"Succeed","InputPath":"$.a","OutputPath":"$.b"}}}`,
			input:      `{"a":{"b":"c"}}`, output: `"c"`},
		{name: "a Fail state's Error and Cause are the execution's", page: "state-fail",
			definition: `{"StartAt":"Bad","States":{"Bad":{"Type":"Fail","Error":"Broken","Cause":"it was me"}}}`,
			input:      `{}`, failure: "Broken", cause: "it was me"},
		{name: "a Fail state takes Error and Cause from its input", page: "state-fail",
			definition: `{"StartAt":"Bad","States":{"Bad":{"Type":"Fail","ErrorPath":"$.error","CausePath":"States.Format('because of {}', $.why)"}}}`,
			input:      `{"error":"Broken","why":"rust"}`, failure: "Broken", cause: "because of rust"},
		{name: "a Wait until a time in the past is over at once", page: "state-wait",
			definition: one(`"Type":"Wait","Timestamp":"1999-03-14T01:59:00Z"`), input: `{"a":1}`, output: `{"a":1}`},
		{name: "a Wait takes its timestamp from its input", page: "state-wait",
			definition: one(`"Type":"Wait","TimestampPath":"$.at"`), input: `{"at":"1999-03-14T01:59:00.5+02:00"}`, output: `{"at":"1999-03-14T01:59:00.5+02:00"}`},
		{name: "a Wait's seconds are a whole number", page: "state-wait",
			definition: one(`"Type":"Wait","SecondsPath":"$.seconds"`), input: `{"seconds":1.5}`, failure: "States.Runtime",
			cause: "An error occurred while executing the state 'State' (entered at the event id #2). " +
				"The SecondsPath parameter cannot be parsed as a long value: $.seconds == 1.5"},
		{name: "Parallel branches all get the input, and answer in their order", page: "state-parallel",
			definition: one(`"Type":"Parallel","ResultPath":"$.out","Branches":[` +
				`{"StartAt":"A","States":{"A":{"Type":"Wait","Seconds":1,"Next":"B"},"B":{"Type":"Pass","Result":"slow","End":true}}},` +
				`{"StartAt":"C","States":{"C":{"Type":"Pass","End":true}}}]`),
			input: `{"a":1}`, output: `{"a":1,"out":["slow",{"a":1}]}`},
		{name: "a branch that fails fails its Parallel state, which may be caught", page: "state-parallel",
			definition: `{"StartAt":"All","States":{"All":{"Type":"Parallel","End":true,"Branches":[` +
				`{"StartAt":"A","States":{"A":{"Type":"Wait","Seconds":600,"End":true}}},` +
				`{"StartAt":"B","States":{"B":{"Type":"Fail","Error":"Bad","Cause":"branch"}}}],` +
				`"Catch":[{"ErrorEquals":["Bad"],"Next":"Caught"}]},"Caught":{"Type":"Pass","End":true}}}`,
			input: `{}`, output: `{"Error":"Bad","Cause":"branch"}`},
		{name: "a Map state's results keep the order of its items", page: "state-map-inline",
			definition: one(`"Type":"Map","ItemsPath":"$.items","MaxConcurrency":2,"ItemSelector":{"i.$":"$$.Map.Item.Index","v.$":"$$.Map.Item.Value","all.$":"$.name"},` +
				`"ItemProcessor":{"ProcessorConfig":{"Mode":"INLINE"},"StartAt":"Do","States":{"Do":{"Type":"Pass","End":true}}}`),
			input: `{"name":"n","items":["a","b","c"]}`, output: `[{"i":0,"v":"a","all":"n"},{"i":1,"v":"b","all":"n"},{"i":2,"v":"c","all":"n"}]`},
		{name: "a Map over nothing answers nothing", page: "state-map-inline",
			definition: one(`"Type":"Map","ItemProcessor":{"StartAt":"Do","States":{"Do":{"Type":"Fail"}}}`), input: `[]`, output: `[]`},
		{name: "a Map's older form with Iterator and Parameters", page: "state-map-inline",
			definition: one(`"Type":"Map","ItemsPath":"$.items","Parameters":{"v.$":"$$.Map.Item.Value"},"ResultPath":"$.out",` +
				`"Iterator":{"StartAt":"Do","States":{"Do":{"Type":"Pass","OutputPath":"$.v","End":true}}}`),
			input: `{"items":[1,2]}`, output: `{"items":[1,2],"out":[1,2]}`},
		{name: "an iteration that fails fails its Map state, which may be caught", page: "state-map-inline",
			definition: `{"StartAt":"Each","States":{"Each":{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"Do","States":{"Do":{"Type":"Fail","Error":"Bad","Cause":"item"}}},` +
				`"Catch":[{"ErrorEquals":["States.ALL"],"ResultPath":"$[1]","Next":"Caught"}]},"Caught":{"Type":"Pass","Parameters":{"error.$":"$[1].Error"},"End":true}}}`,
			input: `[1,2]`, output: `{"error":"Bad"}`},
		{name: "a Choice without a match and without a Default fails", page: "state-choice",
			definition: `{"StartAt":"Which","States":{"Which":{"Type":"Choice","Choices":[{"Variable":"$.a","NumericEquals":2,"Next":"Well"}]},"Well":{"Type":"Succeed"}}}`,
			input:      `{"a":1}`, failure: "States.NoChoiceMatched"},
		{name: "a Choice that reads what is not there ends the execution", page: "state-choice",
			definition: `{"StartAt":"Which","States":{"Which":{"Type":"Choice","Choices":[{"Variable":"$.b","NumericEquals":2,"Next":"Well"}],"Default":"Well"},"Well":{"Type":"Succeed"}}}`,
			input:      `{"a":1}`, failure: "States.Runtime"},
	})
}
