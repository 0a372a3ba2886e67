// Package openaiserver serves OpenAI's chat, completions and models endpoints over a language
// model. It marks every answer with the keys of the account that asks.
//
// Getting started: implement [Model] for your engine, read the [Tenants], make a [Marker]
// from the root key, and serve [New]'s Server. examples/server does so with the embedded
// model.
//
//	tenants, err := openaiserver.ReadTenants("tenants.json")
//	...
//	marker, err := openaiserver.NewMarker(root, tenants, scheme, model.Info().Vocab)
//	...
//	s, err := openaiserver.New(openaiserver.Config{
//		Name: "my-model", Model: model, Tenants: tenants, Marker: marker, Limits: limits,
//	})
//	...
//	err = s.Serve(ctx, listener, 15*time.Second)
//
// The package is written for the programs of this project and may change at any time.
package openaiserver
