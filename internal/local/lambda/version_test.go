package lambda_test

import (
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/lambda"
)

// says is a function that answers with its code's name and its version.
func says(name string) lambda.Func {
	return func(ctx context.Context, _ []byte) ([]byte, error) {
		return []byte(`"` + name + " " + lambda.Variables(ctx)["AWS_LAMBDA_FUNCTION_VERSION"] + `"`), nil
	}
}

func (s *service) answer(t *testing.T, qualifier string) string {
	t.Helper()
	out, err := s.Invoke(t.Context(), api.Caller{}, &lambda.InvokeInput{FunctionName: "work", Qualifier: qualifier})
	require.NoError(t, err)
	return string(out.Payload) + " as " + out.ExecutedVersion
}

// https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html
func TestVersionsKeepTheirCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, lambda.Options{})
		client := s.client()
		name := aws.String("work")
		s.put(t, lambda.Function{Code: says("old"), Role: "r"})
		first, err := client.PublishVersion(t.Context(), &sdk.PublishVersionInput{FunctionName: name, Description: aws.String("the first")})
		require.NoError(t, err)
		assert.Equal(t, "1", *first.Version)
		assert.Equal(t, "arn:aws:lambda:eu-central-1:123456789012:function:work:1", *first.FunctionArn)
		again, err := client.PublishVersion(t.Context(), &sdk.PublishVersionInput{FunctionName: name})
		require.NoError(t, err)
		assert.Equal(t, "1", *again.Version, "nothing has changed since")
		assert.Equal(t, "the first", *again.Description)

		s.put(t, lambda.Function{Code: says("new"), Role: "r"})
		assert.Equal(t, `"new $LATEST" as $LATEST`, s.answer(t, ""))
		assert.Equal(t, `"old 1" as 1`, s.answer(t, "1"))

		_, err = client.CreateAlias(t.Context(), &sdk.CreateAliasInput{FunctionName: name, Name: aws.String("live"), FunctionVersion: aws.String("1")})
		require.NoError(t, err)
		assert.Equal(t, `"old 1" as 1`, s.answer(t, "live"))
		_, err = client.PublishVersion(t.Context(), &sdk.PublishVersionInput{FunctionName: name})
		require.NoError(t, err)
		moved, err := client.UpdateAlias(t.Context(), &sdk.UpdateAliasInput{FunctionName: name, Name: aws.String("live"), FunctionVersion: aws.String("2")})
		require.NoError(t, err)
		assert.Equal(t, "2", *moved.FunctionVersion)
		assert.Equal(t, `"new 2" as 2`, s.answer(t, "live"))

		list, err := client.ListVersionsByFunction(t.Context(), &sdk.ListVersionsByFunctionInput{FunctionName: name, MaxItems: aws.Int32(2)})
		require.NoError(t, err)
		require.Len(t, list.Versions, 2)
		assert.Equal(t, "$LATEST", *list.Versions[0].Version)
		list, err = client.ListVersionsByFunction(t.Context(), &sdk.ListVersionsByFunctionInput{FunctionName: name, Marker: list.NextMarker})
		require.NoError(t, err)
		require.Len(t, list.Versions, 1)
		assert.Equal(t, "2", *list.Versions[0].Version)
		assert.Nil(t, list.NextMarker)
		aliases, err := client.ListAliases(t.Context(), &sdk.ListAliasesInput{FunctionName: name, FunctionVersion: aws.String("2")})
		require.NoError(t, err)
		assert.Len(t, aliases.Aliases, 1)

		_, err = client.DeleteFunction(t.Context(), &sdk.DeleteFunctionInput{FunctionName: name, Qualifier: aws.String("2")})
		assert.ErrorContains(t, err, "Unable to delete version because the following aliases reference it: [live]")
		_, err = client.DeleteFunction(t.Context(), &sdk.DeleteFunctionInput{FunctionName: name, Qualifier: aws.String("1")})
		require.NoError(t, err)
		_, err = s.Invoke(t.Context(), api.Caller{}, &lambda.InvokeInput{FunctionName: "work:1"})
		assert.ErrorContains(t, err, "Function not found: arn:aws:lambda:eu-central-1:123456789012:function:work:1")
		_, err = client.UpdateFunctionConfiguration(t.Context(), &sdk.UpdateFunctionConfigurationInput{FunctionName: aws.String("work:2"), Timeout: aws.Int32(9)})
		assert.ErrorContains(t, err, "This operation is permitted on $LATEST only")
		_, err = client.DeleteAlias(t.Context(), &sdk.DeleteAliasInput{FunctionName: name, Name: aws.String("live")})
		require.NoError(t, err)
		_, err = client.GetAlias(t.Context(), &sdk.GetAliasInput{FunctionName: name, Name: aws.String("live")})
		assert.ErrorContains(t, err, "Cannot find alias arn: arn:aws:lambda:eu-central-1:123456789012:function:work:live")
	})
}

// Reserved concurrency is the function's, whatever its versions.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
func TestVersionsShareTheirFunctionsConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := 1
		s := newService(t, lambda.Options{})
		s.put(t, lambda.Function{Timeout: 60, ReservedConcurrency: &one, Code: lambda.Func(func(context.Context, []byte) ([]byte, error) {
			time.Sleep(10 * time.Second)
			return []byte("1"), nil
		})})
		_, err := s.call(t, "PublishVersion", `{"FunctionName":"work"}`)
		require.NoError(t, err)
		done := make(chan error)
		go func() {
			_, err := s.Invoke(t.Context(), api.Caller{}, &lambda.InvokeInput{FunctionName: "work", Qualifier: "1"})
			done <- err
		}()
		synctest.Wait()
		_, err = s.Invoke(t.Context(), api.Caller{}, &lambda.InvokeInput{FunctionName: "work"})
		assert.ErrorContains(t, err, "Rate Exceeded.")
		now, _ := s.Concurrency("work")
		assert.Equal(t, 1, now)
		require.NoError(t, <-done)
	})
}

// https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionCode.html
func TestCodeComesFromS3(t *testing.T) {
	objects := map[string][]byte{}
	s := newService(t, lambda.Options{Object: func(_ context.Context, bucket, key, version string) ([]byte, error) {
		if data, ok := objects[bucket+"/"+key+version]; ok {
			return data, nil
		}
		return nil, &api.Error{Code: "NoSuchKey", Message: "The specified key does not exist.", Status: 404}
	}})
	client := s.client()
	binary, err := os.Executable()
	require.NoError(t, err)
	script := func(name string) []byte {
		return zipped(t, "bootstrap", []byte("#!/bin/sh\n"+asBootstrap+"=serve CODE="+name+" exec "+binary+"\n"))
	}
	code := func(qualifier string) string {
		out, err := s.Invoke(t.Context(), api.Caller{}, &lambda.InvokeInput{FunctionName: "work", Qualifier: qualifier})
		require.NoError(t, err)
		require.Empty(t, out.FunctionError, string(out.Payload))
		return decode[answer](t, out.Payload).Env["CODE"]
	}
	objects["code/one.zip"], objects["code/two.zip"] = script("one"), script("two")
	made, err := client.CreateFunction(t.Context(), &sdk.CreateFunctionInput{
		FunctionName: aws.String("work"), Role: aws.String("arn:aws:iam::123456789012:role/r"), Runtime: types.RuntimeProvidedal2023,
		Handler: aws.String("bootstrap"), Timeout: aws.Int32(30), Publish: true,
		Code: &types.FunctionCode{S3Bucket: aws.String("code"), S3Key: aws.String("one.zip")},
	})
	require.NoError(t, err)
	assert.Equal(t, "1", *made.Version)
	assert.EqualValues(t, len(objects["code/one.zip"]), made.CodeSize)
	assert.Len(t, *made.CodeSha256, 44)
	assert.Equal(t, "one", code(""))

	changed, err := client.UpdateFunctionCode(t.Context(), &sdk.UpdateFunctionCodeInput{
		FunctionName: aws.String("work"), S3Bucket: aws.String("code"), S3Key: aws.String("two.zip")})
	require.NoError(t, err)
	assert.NotEqual(t, *made.CodeSha256, *changed.CodeSha256)
	assert.Equal(t, "two", code(""))
	assert.Equal(t, "one", code("1"))

	_, err = client.UpdateFunctionCode(t.Context(), &sdk.UpdateFunctionCodeInput{
		FunctionName: aws.String("work"), S3Bucket: aws.String("code"), S3Key: aws.String("three.zip")})
	assert.ErrorContains(t, err, "InvalidParameterValueException: Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist.")
	_, err = client.UpdateFunctionCode(t.Context(), &sdk.UpdateFunctionCodeInput{FunctionName: aws.String("work")})
	assert.ErrorContains(t, err, "Please provide a source for function code.")
	assert.Equal(t, "two", code(""), "as it was")
}

// Code that changes while an invocation runs is for the next one.
func TestInvocationsGoOnWithTheCodeThatTheyBeganWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, lambda.Options{})
		s.put(t, lambda.Function{Timeout: 60, Code: lambda.Func(func(context.Context, []byte) ([]byte, error) {
			time.Sleep(10 * time.Second)
			return []byte(`"old"`), nil
		})})
		done := make(chan string)
		go func() {
			out, err := s.Invoke(t.Context(), api.Caller{}, &lambda.InvokeInput{FunctionName: "work"})
			if err != nil {
				done <- err.Error()
				return
			}
			done <- string(out.Payload)
		}()
		synctest.Wait()
		s.put(t, lambda.Function{Timeout: 60, Code: says("new")})
		assert.Equal(t, `"new $LATEST" as $LATEST`, s.answer(t, ""))
		assert.Equal(t, `"old"`, <-done)
		assert.Equal(t, `"new $LATEST" as $LATEST`, s.answer(t, ""), "the old environment does not come back")
	})
}

// executable is the beginning of an executable for a machine, enough to tell.
func executable(t *testing.T, machine elf.Machine) []byte {
	t.Helper()
	header := elf.Header64{Type: uint16(elf.ET_EXEC), Machine: uint16(machine), Version: uint32(elf.EV_CURRENT), Ehsize: 64, Phentsize: 56, Shentsize: 64}
	copy(header.Ident[:], elf.ELFMAG)
	header.Ident[elf.EI_CLASS], header.Ident[elf.EI_DATA], header.Ident[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)
	data, err := binary.Append(nil, binary.LittleEndian, header)
	require.NoError(t, err)
	return data
}

// https://docs.aws.amazon.com/lambda/latest/dg/foundation-arch.html
func TestCodeForAnotherMachineIsRefused(t *testing.T) {
	machines := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}
	here, architecture, other := machines[runtime.GOARCH], types.ArchitectureX8664, "arm64"
	wrong := types.ArchitectureArm64
	if runtime.GOARCH == "arm64" {
		architecture, other, wrong = types.ArchitectureArm64, "amd64", types.ArchitectureX8664
	}
	client := newService(t, lambda.Options{}).client()
	create := func(code []byte, a types.Architecture) error {
		_, err := client.CreateFunction(t.Context(), &sdk.CreateFunctionInput{
			FunctionName: aws.String("work"), Role: aws.String("r"), Runtime: types.RuntimeProvidedal2023, Architectures: []types.Architecture{a},
			Handler: aws.String("bootstrap"), Code: &types.FunctionCode{ZipFile: zipped(t, "bootstrap", code)},
		})
		return err
	}
	err := create(executable(t, machines[other]), wrong)
	assert.ErrorContains(t, err, "bootstrap is built for linux/"+other+", and this machine is linux/"+runtime.GOARCH)
	assert.ErrorContains(t, err, "set Architecture to "+string(architecture))
	assert.ErrorContains(t, create(executable(t, here), wrong), "the function's Architecture is "+string(wrong)+": set it to "+string(architecture))
	assert.ErrorContains(t, create(executable(t, elf.EM_RISCV), architecture), "build it for GOARCH=arm64 or amd64")
	require.NoError(t, create(executable(t, here), architecture))
}

func TestProvidersChangeAndDelete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		code := "old"
		s := newService(t, lambda.Options{Resolve: func(string) (lambda.Code, error) {
			if code == "" {
				return nil, errors.New("no such path")
			}
			return says(code), nil
		}})
		all := s.Providers()
		existing := func(kind, name, properties string) api.Existing {
			made, err := s.provide(kind, name, properties)
			require.NoError(t, err)
			return api.Existing{Resource: made, ResourceRequest: api.ResourceRequest{
				LogicalID: "Thing", Type: "AWS::Lambda::" + kind, Name: name, Properties: []byte(properties)}}
		}
		change := func(old api.Existing, properties string) (api.Resource, error) {
			r := old.ResourceRequest
			r.Properties = []byte(properties)
			return all[old.Type].Update(t.Context(), r, old)
		}
		function := existing("Function", "work", `{"Code":"./f","Runtime":"provided.al2023","Role":"r","Tags":[{"Key":"k","Value":"v"}]}`)
		first := existing("Version", "v1", `{"FunctionName":"work"}`)
		assert.Equal(t, "arn:aws:lambda:eu-central-1:123456789012:function:work:1", first.Ref)
		assert.Equal(t, "1", first.Attributes["Version"])
		_, err := s.provide("Version", "v2", `{"FunctionName":"work","Description":"x"}`)
		assert.ErrorContains(t, err, "A version for this Lambda function exists ( 1 ). Modify the function to create a new version.")
		live := existing("Alias", "live", `{"FunctionName":"work","FunctionVersion":"1","Name":"live"}`)
		assert.Equal(t, "arn:aws:lambda:eu-central-1:123456789012:function:work:live", live.Ref)
		config := existing("EventInvokeConfig", "config", `{"FunctionName":"work","Qualifier":"live","MaximumRetryAttempts":0}`)
		permission := existing("Permission", "permission", `{"FunctionName":"`+live.Ref+`","Action":"lambda:InvokeFunction","Principal":"events.amazonaws.com"}`)
		assert.Len(t, s.Permissions("work"), 1)

		code = "new"
		made, err := change(function, `{"Code":"./f","Runtime":"provided.al2023","Role":"r","Timeout":9}`)
		require.NoError(t, err)
		assert.Equal(t, function.Resource, made)
		assert.Equal(t, `"new $LATEST" as $LATEST`, s.answer(t, ""))
		assert.Equal(t, `"old 1" as 1`, s.answer(t, "live"))
		out, err := s.call(t, "GetFunction", `{"FunctionName":"work"}`)
		require.NoError(t, err)
		assert.Contains(t, out, `"Timeout":9`)
		assert.NotContains(t, out, `"Tags"`)
		second := existing("Version", "v2", `{"FunctionName":"work"}`)
		_, err = change(live, `{"FunctionName":"work","FunctionVersion":"2","Name":"live"}`)
		require.NoError(t, err)
		assert.Equal(t, `"new 2" as 2`, s.answer(t, "live"))
		_, err = change(config, `{"FunctionName":"work","Qualifier":"live","MaximumRetryAttempts":1}`)
		require.NoError(t, err)
		out, err = s.call(t, "GetFunctionEventInvokeConfig", `{"FunctionName":"work","Qualifier":"live"}`)
		require.NoError(t, err)
		assert.Contains(t, out, `"MaximumRetryAttempts":1`)

		for _, old := range []api.Existing{permission, config, live, first, second, function} {
			require.NoError(t, all[old.Type].Delete(t.Context(), old), old.Type)
			require.NoError(t, all[old.Type].Delete(t.Context(), old), "%s is gone already", old.Type)
		}
		assert.Empty(t, s.Stats())
	})
}
